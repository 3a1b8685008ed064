// A machine that answers health checks, and who asks it.
import { once } from 'node:events'
import { get, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { type Logger, pino } from 'pino'
import { type Address, address } from '../../src/base/address.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { connectTcp } from '../../src/kernel/socket.ts'

export const silent: Logger = pino({ level: 'silent' })
export const node: Address = address('192.168.50.11')
export const localhost: Address = address('127.0.0.1')

/** A namespace with a loopback that has a node's address too. */
export function machine(): Netns {
  const ns = createNetns()
  using socket = openRouteSocket(ns)
  const lo = socket.link('lo')?.index ?? 1
  socket.apply(setLink('lo', { up: true }), addAddress({ index: lo, address: node, prefix: 32 }))
  return ns
}

export interface Answer {
  code: number | undefined
  headers: IncomingHttpHeaders
  body: string
}

export async function ask(
  ns: Netns,
  port: number,
  path = '/',
  at: Address = localhost,
  method = 'GET',
): Promise<Answer> {
  const request = get({ path, method, createConnection: () => connectTcp({ ns, address: at, port }) })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const body = (await response.setEncoding('utf8').toArray()).join('')
  return { code: response.statusCode, headers: response.headers, body }
}
