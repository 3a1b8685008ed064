import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { address, family } from '../../src/base/address.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp, connectTcp, listenTcp } from '../../src/kernel/socket.ts'

/** A machine at the node's other side: the node has 192.0.2.1 and fd00:99::1 there, the machine .2 and ::2. */
export function machineBeside(node: Netns): Netns {
  const machine = createNetns()
  using here = openRouteSocket(node)
  using there = openRouteSocket(machine)
  here.apply(addLink({ kind: 'veth', name: 'up0', peer: { name: 'eth0', ns: machine } }))
  for (const [socket, name, end] of [
    [here, 'up0', 1],
    [there, 'eth0', 2],
  ] as const) {
    const { index } = socket.link(name) ?? assert.fail()
    socket.apply(
      setLink('lo', { up: true }),
      setLink(index, { up: true, ipv6LinkLocal: false }),
      addAddress({ index, address: address(`192.0.2.${end}`), prefix: 24 }),
      addAddress({ index, address: address(`fd00:99::${end}`), prefix: 64 }),
    )
  }
  there.settle('eth0')
  here.settle('up0')
  return machine
}

/** Answers each connection, and each datagram, with its name and the address that it came from. */
interface Server {
  close(): Promise<unknown>
}

/** Servers for as long as a block lasts. */
export function all(...servers: Server[]): Server[] & AsyncDisposable {
  const close = async (): Promise<void> => void (await Promise.all(servers.map((server) => server.close())))
  return Object.assign(servers, { [Symbol.asyncDispose]: close })
}

export function serveTcp(ns: Netns, port: number, name: string, at = '0.0.0.0'): Server {
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    socket.end(`${name} ${socket.remoteAddress}`)
  })
  server.listen({ fd: listenTcp(ns, address(at), port) })
  return { close: () => once(server.close(), 'close') }
}

export function serveUdp(ns: Netns, port: number, name: string, at = '0.0.0.0'): Server {
  const server = createSocket(family(address(at)) === 4 ? 'udp4' : 'udp6')
  server.on('message', (_, from) => server.send(`${name} ${from.address}`, from.port, from.address))
  server.bind({ fd: bindUdp(ns, address(at), port) })
  return { close: () => once(server.close(), 'close') }
}

/** What the server says; `refused`, `unreachable`, or `silence` when nothing came for a while. */
export async function askTcp(ns: Netns, to: string, port: number, patienceMs = 2000): Promise<string> {
  const socket = connectTcp({ ns, address: address(to), port })
  const silence = AbortSignal.timeout(patienceMs)
  try {
    const [data] = (await once(socket.setEncoding('utf8'), 'data', { signal: silence })) as [string]
    return data
  } catch (error) {
    return wordFor(error)
  } finally {
    socket.destroy()
  }
}

/** One datagram from a new port, or from one that is named. */
export async function askUdp(ns: Netns, to: string, port: number, from = 0, patienceMs = 2000): Promise<string> {
  const any = family(address(to)) === 4 ? '0.0.0.0' : '::'
  const socket = createSocket(any === '::' ? 'udp6' : 'udp4')
  socket.bind({ fd: bindUdp(ns, address(any), from) })
  try {
    socket.connect(port, to)
    await once(socket, 'connect')
    socket.send('?')
    const [data] = (await once(socket, 'message', { signal: AbortSignal.timeout(patienceMs) })) as [Buffer]
    return data.toString()
  } catch (error) {
    return wordFor(error)
  } finally {
    socket.close()
  }
}

function wordFor(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException
  if (name === 'AbortError') return 'silence'
  if (code === 'ECONNREFUSED') return 'refused'
  if (code === 'EHOSTUNREACH' || code === 'ENETUNREACH') return 'unreachable'
  throw error
}
