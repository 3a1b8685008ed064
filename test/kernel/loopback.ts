import { createSocket } from 'node:dgram'
import { type Address, address } from '../../src/base/address.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp } from '../../src/kernel/socket.ts'

export const localhost: Address = address('127.0.0.1')

/** A namespace that can speak to itself. */
export function withLoopback(): Netns {
  const ns = createNetns()
  using routes = openRouteSocket(ns)
  routes.apply(setLink('lo', { up: true }))
  return ns
}

/** Sends `hello` to itself over UDP. Once it is done, the packet has been through all rules of the hook output. */
export async function sendUdp(ns: Netns, port: number): Promise<void> {
  await using socket = createSocket('udp4')
  socket.bind({ fd: bindUdp(ns, localhost, 0) })
  await new Promise<void>((resolve, reject) => {
    socket.send('hello', port, localhost, (error) => (error ? reject(error) : resolve()))
  })
}
