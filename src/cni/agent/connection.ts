import { Socket } from 'node:net'
import { KubehopError, messageOf } from '../../base/errors.ts'
import { greeting, type Request, RequestReader, writeAnswer } from '../../kernel/launcher/protocol.ts'
import { hasHungUp, type UnixPeer } from '../../kernel/unix-peer.ts'

/** Bytes of a request: a configuration with its prevResult has a few thousand. */
const largest = 4 << 20

/** One launcher, from the greeting to its answer. */
export interface Connection {
  /** Has it hung up? Until then its process is there: it has no other end than its own. */
  gone(): boolean
  /** Aborted when it has hung up, or was answered. */
  readonly left: AbortSignal
  /** Says this, and hangs up. */
  answer(exitCode: number, out: string): void
}

/** What can be wrong before the plugin sees it. */
export interface Refusal {
  readonly code: 'io' | 'decode'
  readonly say: string
}

/**
 * Greets a launcher and reads its request. Calls `asked` once, or `refused`, or neither when it hangs up before; at last `closed`, whatever
 * happened. `patienceMs` is for sending a whole request, and for taking the answer.
 */
export function greet(
  { fd }: UnixPeer,
  on: {
    asked(request: Request, connection: Connection): void
    refused(refusal: Refusal, connection: Connection): void
    closed(): void
  },
  patienceMs = 10_000,
): void {
  const socket = new Socket({ fd, readable: true, writable: true })
  const reader = new RequestReader(largest)
  const left = new AbortController()
  let over = false
  const connection: Connection = {
    left: left.signal,
    gone: () => socket.destroyed || hasHungUp(fd),
    answer(exitCode, out) {
      clearTimeout(timer)
      timer = setTimeout(() => socket.destroy(), patienceMs)
      socket.write(writeAnswer(exitCode, out))
      socket.destroySoon()
    },
  }
  const refuse = (refusal: Refusal): void => {
    over = true
    on.refused(refusal, connection)
  }
  let timer = setTimeout(() => {
    refuse({ code: 'io', say: `the request was not sent within ${patienceMs / 1000} s` })
  }, patienceMs)
  const read = (chunk: Buffer): Request | undefined => {
    try {
      return reader.push(chunk)
    } catch (error) {
      const tooLarge = error instanceof KubehopError && error.code === 'TooLarge'
      refuse({ code: tooLarge ? 'io' : 'decode', say: messageOf(error) })
    }
  }
  socket.on('data', (chunk: Buffer) => {
    const request = over ? undefined : read(chunk)
    if (request === undefined) return
    over = true
    clearTimeout(timer)
    on.asked(request, connection)
  })
  // It was killed, or went away: nobody is left to be told.
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.destroy())
  socket.once('close', () => {
    clearTimeout(timer)
    left.abort()
    on.closed()
  })
  socket.write(greeting)
}
