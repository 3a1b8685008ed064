import { closeSync } from 'node:fs'
import { declare, declareRaw, EAGAIN, EINTR, errnoOf, KernelError } from './libc.ts'

// Node's own unix sockets do not say who is at the other end.

const AF_UNIX = 1
const SOCK_STREAM = 1
const SOCK_NONBLOCK = 0o4000
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_PEERCRED = 17
const MSG_PEEK = 2
const MSG_DONTWAIT = 0x40
const ECONNABORTED = errnoOf('ECONNABORTED')
/** struct sockaddr_un's path, without its NUL. */
const longestPath = 107

const socket = declare<[number, number, number]>('int socket(int, int, int)')
const bind = declare<[number, Uint8Array, number]>('int bind(int, void *, unsigned int)')
const listen = declare<[number, number]>('int listen(int, int)')
const accept4 = declareRaw<[number, null, null, number]>('int accept4(int, void *, void *, int)')
const getsockopt = declare<[number, number, number, Uint8Array, Uint8Array]>(
  'int getsockopt(int, int, int, _Out_ void *, _Inout_ void *)',
)
const recv = declareRaw<[number, Uint8Array, number, number]>('long recv(int, _Out_ void *, unsigned long, int)')

/** Who connected, by unix(7)'s SO_PEERCRED: as it was at that moment, and by the numbers of this process's namespaces. */
export interface UnixPeer {
  /** Nonblocking; for `new Socket({ fd })`, which takes it over. */
  readonly fd: number
  /** 0 when it is in no PID namespace that this process sees. */
  readonly pid: number
  readonly uid: number
}

/** A listening descriptor that does not block, at a path that only this process's user can connect to (mode 0600). EADDRINUSE when something is there. */
export function listenUnix(path: string, backlog = 511): number {
  const op = `listen at ${path}`
  const name = new TextEncoder().encode(path)
  if (name.length > longestPath)
    throw new KernelError(op, errnoOf('ENAMETOOLONG'), `a socket's path has ${longestPath} bytes at most`)
  const fd = socket(op, AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  const umask = process.umask(0o177)
  try {
    bind(op, fd, Uint8Array.of(AF_UNIX, 0, ...name, 0), name.length + 3)
    listen(op, fd, backlog)
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  } finally {
    process.umask(umask)
  }
}

/** The next one that has connected, or undefined when nobody has. */
export function acceptUnix(listening: number): UnixPeer | undefined {
  for (;;) {
    const fd = accept4(listening, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC)
    if (fd === -EAGAIN) return undefined
    if (fd === -EINTR || fd === -ECONNABORTED) continue
    if (fd < 0) throw new KernelError('take a connection', -fd)
    try {
      const credentials = Buffer.alloc(12) // struct ucred: pid, uid, gid
      getsockopt('see who connected', fd, SOL_SOCKET, SO_PEERCRED, credentials, Buffer.of(12, 0, 0, 0))
      return { fd, pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4) }
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }
}

/** Has the other end closed, and nothing of it is left to read? */
export function hasHungUp(fd: number): boolean {
  const result = recv(fd, Buffer.alloc(1), 1, MSG_PEEK | MSG_DONTWAIT)
  // ECONNRESET: it did not read what it was told.
  return result <= 0 && result !== -EAGAIN && result !== -EINTR
}
