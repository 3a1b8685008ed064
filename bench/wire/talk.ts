// One end of a measured connection, in a process of its own inside a pod: blocking system calls, so that the kernel's path is measured and not
// an event loop's.   talk.ts sink PORT | talk.ts greet PORT | talk.ts echo PORT | talk.ts client (asks come over IPC)
import { address as parsed } from '../../src/base/address.ts'
import { declare, declareRaw } from '../../src/kernel/libc.ts'
import { sockaddr } from '../../src/kernel/socket.ts'

export interface Ask {
  kind: 'stream' | 'connections' | 'pingpong'
  address: string
  port: number
  ms: number
}

/** Gbit/s, connections per second, or microseconds: the median and what 99 of 100 stay below. */
export type Answer = number[]

const AF_INET = 2
const SOCK_STREAM = 1
const SOL_SOCKET = 1
const SO_REUSEADDR = 2
const SO_LINGER = 13
const IPPROTO_TCP = 6
const TCP_NODELAY = 1
const SHUT_WR = 1
const chunk = Buffer.alloc(128 * 1024)

const socket = declare<[number, number, number]>('int socket(int, int, int)')
const bind = declare<[number, Uint8Array, number]>('int bind(int, void *, unsigned int)')
const listen = declare<[number, number]>('int listen(int, int)')
const accept = declare<[number, null, null]>('int accept(int, void *, void *)')
const connect = declareRaw<[number, Uint8Array, number]>('int connect(int, void *, unsigned int)')
const send = declare<[number, Uint8Array, number, number]>('long send(int, void *, unsigned long, int)')
const receive = declareRaw<[number, Uint8Array, number, number]>('long recv(int, _Out_ void *, unsigned long, int)')
const shutdown = declare<[number, number]>('int shutdown(int, int)')
const close = declare<[number]>('int close(int)')
const setOption = declare<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int, int, int, void *, unsigned int)',
)

const [role, port] = process.argv.slice(2)
if (role === 'sink') serve(Number(port), drain)
else if (role === 'greet') serve(Number(port), () => undefined)
else if (role === 'echo') serve(Number(port), echo)
else {
  const answers = { stream, connections, pingpong } satisfies Record<Ask['kind'], (ask: Ask) => Answer>
  process.on('message', (ask: Ask) => process.send?.(answers[ask.kind](ask)))
  process.send?.('ready')
}

/** Never returns: the process is killed when the bench is done. */
function serve(port: number, each: (fd: number) => void): void {
  const fd = socket('make a socket', AF_INET, SOCK_STREAM, 0)
  setOption('reuse the port', fd, SOL_SOCKET, SO_REUSEADDR, Uint8Array.of(1, 0, 0, 0), 4)
  const name = sockaddr(parsed('0.0.0.0'), port)
  bind(`bind port ${port}`, fd, name, name.length)
  listen('listen', fd, 511)
  process.send?.('ready')
  // `send` only queues the message; it leaves when the event loop turns.
  setImmediate(() => {
    for (;;) {
      const peer = accept('accept', fd, null, null)
      each(peer)
      close('close', peer)
    }
  })
}

/** Takes all bytes, then says how many they were. */
function drain(fd: number): void {
  let total = 0
  for (;;) {
    const got = receive(fd, chunk, chunk.length, 0)
    if (got <= 0) break
    total += got
  }
  const answer = Buffer.alloc(8)
  answer.writeBigUInt64LE(BigInt(total))
  send('answer', fd, answer, answer.length, 0)
}

/** Sends back what it gets. */
function echo(fd: number): void {
  atOnce(fd)
  const byte = Buffer.alloc(1)
  while (receive(fd, byte, 1, 0) === 1) send('send back', fd, byte, 1, 0)
}

/** One byte there and back, again and again on one connection (what netperf calls TCP_RR). */
function pingpong({ address, port, ms }: Ask): Answer {
  const fd = dial(address, port)
  atOnce(fd)
  const byte = Buffer.alloc(1)
  const took: number[] = []
  const until = performance.now() + ms
  for (let begun = performance.now(); begun < until; ) {
    send('send', fd, byte, 1, 0)
    if (receive(fd, byte, 1, 0) !== 1) throw new Error('no echo came back')
    const now = performance.now()
    took.push((now - begun) * 1000)
    begun = now
  }
  close('close', fd)
  took.sort((a, b) => a - b)
  return [0.5, 0.99].map((part) => took[Math.floor((took.length - 1) * part)] ?? Number.NaN)
}

function atOnce(fd: number): void {
  setOption('send at once', fd, IPPROTO_TCP, TCP_NODELAY, Uint8Array.of(1, 0, 0, 0), 4)
}

/** Gbit/s of one TCP stream, counted by the receiver. */
function stream({ address, port, ms }: Ask): Answer {
  const fd = dial(address, port)
  const begun = performance.now()
  while (performance.now() - begun < ms) send('send', fd, chunk, chunk.length, 0)
  shutdown('end the stream', fd, SHUT_WR)
  const answer = Buffer.alloc(8)
  const got = receive(fd, answer, answer.length, 0)
  const took = performance.now() - begun
  close('close', fd)
  if (got !== 8) throw new Error('the receiver did not say how much it got')
  return [(Number(answer.readBigUInt64LE()) * 8) / (took * 1e6)]
}

/** New connections per second, one after another. They end with a reset, so that no TIME_WAIT uses up the ports. */
function connections({ address, port, ms }: Ask): Answer {
  const linger = Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0)
  const begun = performance.now()
  let count = 0
  while (performance.now() - begun < ms) {
    const fd = dial(address, port)
    setOption('reset at the end', fd, SOL_SOCKET, SO_LINGER, linger, linger.length)
    close('close', fd)
    count++
  }
  return [(count * 1000) / (performance.now() - begun)]
}

function dial(address: string, port: number): number {
  const fd = socket('make a socket', AF_INET, SOCK_STREAM, 0)
  const name = sockaddr(parsed(address), port)
  const result = connect(fd, name, name.length)
  if (result < 0) throw new Error(`connect to ${address}:${port}: errno ${-result}`)
  return fd
}
