import { closeSync } from 'node:fs'
import { declareRaw, EAGAIN, EINTR, errnoOf, KernelError } from './libc.ts'
import {
  AF_UNIX,
  bind,
  checked,
  getsockopt,
  int,
  listen,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  socket,
  SOL_SOCKET,
} from './socket-calls.ts'

// Node's own unix sockets do not say who is at the other end.

const SO_PEERCRED = 17
const MSG_PEEK = 2
const ECONNABORTED = errnoOf('ECONNABORTED')
/** Bytes of struct sockaddr_un's path, without its NUL. */
export const longestSocketPath = 107

const accept4 = declareRaw<[number, null, null, number]>('int accept4(int, void *, void *, int)')
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
  if (name.length > longestSocketPath)
    throw new KernelError(op, errnoOf('ENAMETOOLONG'), `a socket's path has ${longestSocketPath} bytes at most`)
  const fd = checked(op, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
  const umask = process.umask(0o177)
  try {
    checked(op, bind(fd, Uint8Array.of(AF_UNIX, 0, ...name, 0), name.length + 3))
    checked(op, listen(fd, backlog))
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
      checked('see who connected', getsockopt(fd, SOL_SOCKET, SO_PEERCRED, credentials, int(credentials.length)))
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
