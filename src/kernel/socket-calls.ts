import { declareRaw, errnoOf, KernelError } from './libc.ts'

// socket(2) and what is done with a socket's descriptor. A call that fails gives -errno.

// linux/socket.h, linux/net.h, asm-generic/socket.h, linux/in.h: those that more than one file needs.
export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10
export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_RAW = 3
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000
export const SOL_SOCKET = 1
export const SO_RCVBUF = 8
export const SO_RCVBUFFORCE = 33
export const SO_TIMESTAMPNS = 35
export const IPPROTO_IP = 0
export const IPPROTO_IPV6 = 41
export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
const EPERM = errnoOf('EPERM')

type Call<Args extends unknown[]> = (...args: Args) => number

export const socket: Call<[domain: number, type: number, protocol: number]> = declareRaw('int socket(int, int, int)')
export const bind: Call<[fd: number, name: Uint8Array, length: number]> = declareRaw(
  'int bind(int, void *, unsigned int)',
)
export const connect: Call<[fd: number, name: Uint8Array, length: number]> = declareRaw(
  'int connect(int, void *, unsigned int)',
)
export const listen: Call<[fd: number, backlog: number]> = declareRaw('int listen(int, int)')
/** `length` holds that of `name` in four bytes, and then what was used of it. */
export const getsockname: Call<[fd: number, name: Uint8Array, length: Uint8Array]> = declareRaw(
  'int getsockname(int, _Out_ void *, _Inout_ void *)',
)
export const getsockopt: Call<[fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array]> =
  declareRaw('int getsockopt(int, int, int, _Out_ void *, _Inout_ void *)')
export const setsockopt: Call<[fd: number, level: number, name: number, value: Uint8Array, length: number]> =
  declareRaw('int setsockopt(int, int, int, void *, unsigned int)')
export const recvfrom: Call<
  [fd: number, bytes: Uint8Array, length: number, flags: number, name: Uint8Array, nameLength: Uint8Array]
> = declareRaw('long recvfrom(int, void *, unsigned long, int, void *, void *)')
/** `headers`: struct mmsghdr, with pointers to memory that does not move. */
export const recvmmsg: Call<[fd: number, headers: Uint8Array, count: number, flags: number, timeout: null]> =
  declareRaw('int recvmmsg(int, void *, unsigned int, int, void *)')

/** The result of one of these calls; throws a KernelError where it failed. */
export function checked(op: string, result: number): number {
  if (result < 0) throw new KernelError(op, -result)
  return result
}

/** `value`: a number is an int. */
export function setOption(op: string, fd: number, level: number, name: number, value: number | Uint8Array): void {
  const bytes = typeof value === 'number' ? int(value) : value
  checked(op, setsockopt(fd, level, name, bytes, bytes.length))
}

/**
 * Bytes of socket buffer, by SO_RCVBUF and SO_RCVBUFFORCE or those for sending. `force` passes the system's limit (net.core.rmem_max), and needs rights on
 * the machine itself; without them the limit has to do.
 */
export function setBuffer(op: string, fd: number, force: number, plain: number, size: number): void {
  const value = int(size)
  const result = setsockopt(fd, SOL_SOCKET, force, value, value.length)
  if (result === -EPERM) setOption(op, fd, SOL_SOCKET, plain, value)
  else checked(op, result)
}

/** As libc takes and gives it. */
export function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer)
}
