import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { pino } from 'pino'
import { type Address, address, cidr } from '../../src/base/address.ts'
import type { Log } from '../../src/base/log.ts'
import { openPodNetwork } from '../../src/cni/network.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { addRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket, type RouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp, connectTcp, listenTcp } from '../../src/kernel/socket.ts'

export const log: Log = pino({ level: process.env['KUBEHOP_LOG'] ?? 'silent' })

/** Who answered, and whom it saw asking. */
export interface Answer {
  readonly by: string
  readonly saw: string
}

/**
 * A node at 192.168.50.11 with five pods, 100.96.1.2 to .6, and beyond it one namespace that is the router at 192.168.50.1 and the pod
 * 100.96.2.2 of another node at once. Everybody serves TCP 8080 and 9090 and UDP 5353, and says who is who.
 */
export class World implements AsyncDisposable {
  readonly node: Netns = createNetns()
  readonly far: Netns = createNetns()
  readonly pods: Map<string, Netns> = new Map()
  readonly #stateDir = mkdtempSync(join(tmpdir(), 'proxy-'))
  readonly #servers: { close(): unknown }[] = []

  constructor() {
    this.#wire()
    const network = openPodNetwork({ podCidr: cidr('100.96.1.0/24'), stateDir: this.#stateDir, ns: this.node, log })
    for (let i = 0; i < 5; i++) {
      const ns = createNetns()
      this.pods.set(network.add({ id: `pod${i}`, netns: ns }).address, ns)
    }
    network.close()
    for (const [at, ns] of [...this.pods, ['100.96.2.2', this.far] as const]) this.#serve(at, ns)
  }

  #wire(): void {
    using node = openRouteSocket(this.node)
    using far = openRouteSocket(this.far)
    node.apply(addLink({ kind: 'veth', name: 'eth0', up: true, peer: { name: 'eth0', ns: this.far } }))
    const up = (socket: RouteSocket, at: Address): number => {
      const link = socket.link('eth0')?.index ?? 0
      socket.apply(
        setLink('lo', { up: true }),
        setLink(link, { up: true }),
        addAddress({ index: link, address: at, prefix: 24 }),
      )
      return link
    }
    up(node, address('192.168.50.11'))
    up(far, address('192.168.50.1'))
    // Both ends are up only now; until the kernel has seen to the cable it drops what is sent.
    for (const socket of [node, far]) socket.settle('eth0')
    node.apply(addRoute({ to: cidr('0.0.0.0/0'), via: address('192.168.50.1') }))
    const lo = far.link('lo')?.index ?? 1
    far.apply(addAddress({ index: lo, address: address('100.96.2.2'), prefix: 32 }))
    for (const range of ['100.96.1.0/24', '100.64.0.0/13'])
      far.apply(addRoute({ to: cidr(range), via: address('192.168.50.11') }))
  }

  #serve(at: string, ns: Netns): void {
    for (const port of [8080, 9090]) {
      const server: Server = createServer((socket) => {
        socket.on('error', () => socket.destroy())
        // What is sent comes back behind the names: an established connection can show that it lives.
        socket.write(`${at}:${port} ${socket.remoteAddress}\n`)
        socket.pipe(socket)
      })
      server.listen({ fd: listenTcp(ns, address('0.0.0.0'), port) })
      this.#servers.push(server)
    }
    const udp = createSocket('udp4')
    udp.bind({ fd: bindUdp(ns, address('0.0.0.0'), 5353) })
    udp.on('message', (_, { address: saw, port }) => udp.send(`${at}:5353 ${saw}\n`, port, saw))
    this.#servers.push(udp)
  }

  /** The namespace that has this address. */
  at(of: string): Netns {
    if (of === '192.168.50.11') return this.node
    return this.pods.get(of) ?? this.far
  }

  /** One connection, or one datagram; `nothing` when there was no answer in time. */
  async ask(
    from: string,
    to: string,
    port: number,
    protocol: string = 'TCP',
    patience: number = longPatience,
  ): Promise<Answer | 'refused' | 'nothing'> {
    const ns = this.at(from)
    // A machine with two addresses has to be told which one is meant.
    const source = ns === this.far ? address(from) : undefined
    return protocol === 'UDP'
      ? askUdp(ns, address(to), port, patience)
      : askTcp(ns, address(to), port, patience, source)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.close()
      await once(server as Server, 'close')
    }
    for (const ns of this.pods.values()) ns.close()
    this.far.close()
    this.node.close()
    rmSync(this.#stateDir, { recursive: true })
  }
}

/** How long silence has to last where an answer is expected, and where it is not. Milliseconds. */
const longPatience = 10_000
export const shortPatience = 300

async function askTcp(
  ns: Netns,
  to: Address,
  port: number,
  patience: number,
  from?: Address,
): Promise<Answer | 'refused' | 'nothing'> {
  const socket = connectTcp({ ns, address: to, port, ...(from ? { from: { address: from } } : {}) })
  try {
    return await firstOf(
      once(socket.setEncoding('utf8'), 'data').then(([data]) => answer(String(data))),
      patience,
    )
  } finally {
    socket.destroy()
  }
}

async function askUdp(ns: Netns, to: Address, port: number, patience: number): Promise<Answer | 'refused' | 'nothing'> {
  const socket = createSocket('udp4')
  socket.bind({ fd: bindUdp(ns, address('0.0.0.0'), 0) })
  try {
    socket.connect(port, to)
    await once(socket, 'connect')
    socket.send('who is there?')
    return await firstOf(
      once(socket, 'message').then(([data]) => answer(String(data))),
      patience,
    )
  } finally {
    socket.close()
  }
}

async function firstOf(answered: Promise<Answer>, patience: number): Promise<Answer | 'refused' | 'nothing'> {
  const silence = new AbortController()
  try {
    return await Promise.race([
      answered.catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ECONNREFUSED') return 'refused' as const
        throw error
      }),
      after(patience, 'nothing' as const, { signal: silence.signal }),
    ])
  } finally {
    silence.abort()
  }
}

function answer(text: string): Answer {
  const [by = '', saw = ''] = text.trim().split(' ')
  return { by, saw: saw.replace('::ffff:', '') }
}
