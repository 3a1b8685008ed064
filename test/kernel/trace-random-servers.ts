import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { type Address, address } from '../../src/base/address.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { bindUdp, connectTcp, listenTcp } from '../../src/kernel/socket.ts'
import type { Random } from './trace-random-dice.ts'
import { serveSctp } from './sctp-server.ts'

/** Programs of pods and machines, as far as packets tell: their sockets are this process's own. */
export class Servers {
  readonly #open: (Server | UdpSocket)[] = []
  readonly #others: (() => void)[] = []

  /** What a pod runs: some of it, at times where nobody hears it, and at times hung. */
  async populate(ns: Netns, random: Random): Promise<void> {
    if (random.chance(0.8)) this.#tcp(ns, random.chance(0.15) ? '127.0.0.1' : '0.0.0.0', 8080)
    if (random.chance(0.6)) this.#udp(ns, 7007, true)
    if (random.chance(0.3)) this.#udp(ns, 5050, false)
    if (random.chance(0.5)) this.#sctp(ns)
    if (random.chance(0.3)) await this.#hung(ns)
  }

  /** What a machine runs for itself. */
  machine(ns: Netns): void {
    this.#tcp(ns, '0.0.0.0', 9100)
  }

  /** What the control plane runs. */
  api(ns: Netns): void {
    this.#tcp(ns, '0.0.0.0', 6443)
  }

  close(): void {
    for (const server of this.#open) server.close()
    for (const close of this.#others) close()
  }

  #tcp(ns: Netns, host: string, port: number): void {
    const server = createServer((socket) => void socket.on('error', () => socket.destroy()).end())
    server.listen({ fd: listenTcp(ns, address(host), port) })
    this.#open.push(server)
  }

  #udp(ns: Netns, port: number, answers: boolean): void {
    const udp = createSocket('udp4')
    udp.bind({ fd: bindUdp(ns, everywhere, port) })
    if (answers) udp.on('message', (message, { address: to, port: of }) => udp.send(message, of, to))
    this.#open.push(udp)
  }

  #sctp(ns: Netns): void {
    const server = serveSctp(ns, 36412)
    this.#others.push(() => server[Symbol.dispose]())
  }

  /** A program that accepts nothing any more, and the connection that fills its queue: listen(2) with a backlog of 0 takes one. */
  async #hung(ns: Netns): Promise<void> {
    const fd = listenTcp(ns, everywhere, 6060, 0)
    const first = connectTcp({ ns, address: address('127.0.0.1'), port: 6060 })
    await once(first, 'connect')
    this.#others.push(
      () => first.destroy(),
      () => closeSync(fd),
    )
  }
}

const everywhere: Address = address('0.0.0.0')
