import { closeSync } from 'node:fs'
import { Socket } from 'node:net'
import { type Address, addressBytes, addressFromBytes, family, hostPort } from '../base/address.ts'
import { errnoOf, KernelError } from './libc.ts'
import { inNetns, type Netns } from './netns.ts'
import {
  AF_INET,
  AF_INET6,
  bind,
  checked,
  getsockname,
  int,
  IPPROTO_IPV6,
  listen,
  setOption,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
} from './socket-calls.ts'

// A socket belongs to the network namespace in which it was made, whoever uses it later. So one process can listen and connect
// in many: it makes the descriptor there and hands it to Node.

const SO_REUSEADDR = 2
const SO_REUSEPORT = 15
const IPV6_V6ONLY = 26

/** A listening descriptor for `server.listen({ fd })`, which takes it over. EADDRINUSE when the port is taken there. */
export function listenTcp(ns: Netns | undefined, address: Address, port: number, backlog = 511): number {
  const op = `listen on ${hostPort(address, port)}`
  return make(ns, op, address, SOCK_STREAM, (fd) => {
    enable(op, fd, SOL_SOCKET, SO_REUSEADDR)
    check(op, bindRaw(fd, address, port))
    check(op, listen(fd, backlog))
  })
}

/** A bound descriptor for `dgram.createSocket(...).bind({ fd })`, which takes it over and is `listening` at once. */
export function bindUdp(
  ns: Netns | undefined,
  address: Address,
  port: number,
  options: {
    reusePort?: boolean
  } = {},
): number {
  const op = `bind ${hostPort(address, port)}/udp`
  return make(ns, op, address, SOCK_DGRAM, (fd) => {
    if (options.reusePort) enable(op, fd, SOL_SOCKET, SO_REUSEPORT)
    check(op, bindRaw(fd, address, port))
  })
}

export interface ConnectOptions {
  ns?: Netns
  address: Address
  port: number
  /** The sender's address and port; the kernel chooses what is left out. */
  from?: { address: Address; port?: number }
  /** The end of one direction leaves the other open. */
  halfOpen?: boolean
}

/**
 * A TCP connection that begins inside `ns`, as Node's own Socket: it emits `connect`, or `error` with ECONNREFUSED,
 * EHOSTUNREACH, ... It has no deadline of its own. For HTTP: `http.request({ createConnection: () => connectTcp(...) })`.
 */
export function connectTcp({ ns, address, port, from, halfOpen = false }: ConnectOptions): Socket {
  const op = `connect to ${hostPort(address, port)}`
  const fd = make(ns, op, address, SOCK_STREAM | SOCK_NONBLOCK, (fd) => {
    if (from === undefined) return
    enable(op, fd, SOL_SOCKET, SO_REUSEADDR)
    check(op, bindRaw(fd, from.address, from.port ?? 0))
  })
  // Node connects a descriptor that it was given as well as one it made; reading must wait until then (manualStart).
  const options = { fd, manualStart: true, allowHalfOpen: halfOpen }
  return new Socket(options).connect({ host: address, port, family: family(address) })
}

function make(
  ns: Netns | undefined,
  op: string,
  address: Address,
  type: number,
  prepare: (fd: number) => void,
): number {
  return inNetns(ns, () => {
    const fd = check(op, socket(family(address) === 4 ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0))
    try {
      if (family(address) === 6) enable(op, fd, IPPROTO_IPV6, IPV6_V6ONLY)
      prepare(fd)
      return fd
    } catch (error) {
      closeSync(fd)
      throw error
    }
  })
}

function bindRaw(fd: number, address: Address, port: number): number {
  const name = sockaddr(address, port)
  return bind(fd, name, name.length)
}

/** The port that a bound descriptor got. */
export function localPort(fd: number): number {
  return localAddress(fd).port
}

/** Where a descriptor is bound; `0.0.0.0` or `::` when it takes what comes to any address. */
export function localAddress(fd: number): { address: Address; port: number } {
  const name = Buffer.alloc(28)
  checked('read the socket address', getsockname(fd, name, int(name.length)))
  const six = name.readUInt16LE(0) === AF_INET6
  return { address: addressFromBytes(six ? name.subarray(8, 24) : name.subarray(4, 8)), port: name.readUInt16BE(2) }
}

/** struct sockaddr_in or sockaddr_in6. */
export function sockaddr(address: Address, port: number): Uint8Array {
  const of = family(address)
  const bytes = new Uint8Array(of === 4 ? 16 : 28)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, of === 4 ? AF_INET : AF_INET6, true)
  view.setUint16(2, port)
  bytes.set(addressBytes(address), of === 4 ? 4 : 8)
  return bytes
}

function enable(op: string, fd: number, level: number, name: number): void {
  setOption(op, fd, level, name, 1)
}

function check(op: string, result: number): number {
  if (result < 0) throw new KernelError(op, -result, remedies.get(-result))
  return result
}

const remedies = new Map([
  [errnoOf('EADDRINUSE'), 'another program has this port'],
  [errnoOf('EADDRNOTAVAIL'), 'no link there has this address'],
  [errnoOf('EACCES'), 'ports below net.ipv4.ip_unprivileged_port_start need CAP_NET_BIND_SERVICE'],
])
