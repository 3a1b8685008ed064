import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { type Address, address } from '../../src/base/address.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { bindUdp, connectTcp, listenTcp } from '../../src/kernel/socket.ts'

/** Who answered, and whom it saw asking. */
export interface Answer {
  readonly by: string
  readonly saw: string
}

/** Servers that say which of their addresses was asked, and by whom. */
export class Servers {
  readonly #tcp = new Map<string, Server>()
  readonly #udp = new Map<string, UdpSocket>()

  serve(ns: Netns, at: Address, port: number, protocol: 'TCP' | 'UDP'): void {
    if (protocol === 'TCP') this.#serveTcp(ns, port)
    else this.#serveUdp(ns, at, port)
  }

  /** At every address of the namespace at once. */
  #serveTcp(ns: Netns, port: number): void {
    const key = `${ns.fd} ${port}`
    if (this.#tcp.has(key)) return
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      // What is sent comes back behind the names: an established connection can show that it lives.
      socket.write(`${socket.localAddress}:${port} ${socket.remoteAddress}\n`)
      socket.pipe(socket)
    })
    server.listen({ fd: listenTcp(ns, address('0.0.0.0'), port) })
    this.#tcp.set(key, server)
  }

  /** At one address: the answer to a datagram has to come from where it was sent to. */
  #serveUdp(ns: Netns, at: Address, port: number): void {
    const key = `${at} ${port}`
    if (this.#udp.has(key)) return
    const udp = createSocket('udp4')
    udp.bind({ fd: bindUdp(ns, at, port) })
    udp.on('message', (_, { address: saw, port: from }) => udp.send(`${at}:${port} ${saw}\n`, from, saw))
    this.#udp.set(key, udp)
  }

  async close(): Promise<void> {
    for (const server of [...this.#tcp.values(), ...this.#udp.values()]) {
      server.close()
      await once(server as Server, 'close')
    }
  }
}

interface Asked {
  readonly ns: Netns
  readonly from: Address
  readonly to: Address
  readonly port: number
  readonly patience: number
}

export async function askTcp({ ns, from, to, port, patience }: Asked): Promise<Answer | 'refused' | 'nothing'> {
  const socket = connectTcp({ ns, address: to, port, from: { address: from } })
  try {
    return await firstOf(
      once(socket.setEncoding('utf8'), 'data').then(([data]) => answer(String(data))),
      patience,
    )
  } finally {
    socket.destroy()
  }
}

export async function askUdp({ ns, from, to, port, patience }: Asked): Promise<Answer | 'refused' | 'nothing'> {
  const socket = createSocket('udp4')
  socket.bind({ fd: bindUdp(ns, from, 0) })
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
