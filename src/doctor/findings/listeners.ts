import { addressBytes, type Address, family, hostPort } from '../../base/address.ts'
import type { SocketFact } from '../facts.ts'

/** A socket as a request's facts or a machine's tell of it. */
export type Socket = Pick<SocketFact, 'protocol' | 'address' | 'port' | 'only6' | 'pid' | 'process' | 'container'>

export function isLoopback({ address }: Pick<Socket, 'address'>): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.')
}

/** Whether what is sent to this address reaches the socket, the port apart. `::` takes IPv4 too, unless its program asked otherwise. */
export function hears(socket: Pick<Socket, 'address' | 'only6'>, to: Address): boolean {
  if (socket.address === to || socket.address === `::ffff:${to}`) return true
  if (addressBytes(socket.address).some((byte) => byte !== 0)) return false
  return family(to) === 4 ? socket.only6 !== true : family(socket.address) === 6
}

/** `tcp 0.0.0.0:8080 node[4711]`, as the kernel and /proc tell of it. */
export function socketText({ protocol, address, port, process, pid, container }: Socket): string {
  const who = process === undefined ? '' : ` ${process}${pid === undefined ? '' : `[${pid}]`}`
  return `${protocol} ${hostPort(address, port)}${who}${container === undefined ? '' : ` in container ${container}`}`
}
