import { closeSync } from 'node:fs'
import { declareRaw, KernelError } from './libc.ts'

const AF_INET = 2
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const SOL_SOCKET = 1
const SO_TIMESTAMPNS = 35
const socket = declareRaw<[number, number, number]>('int socket(int, int, int)')
const setsockopt = declareRaw<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int, int, int, void *, unsigned int)',
)

/**
 * Keeps the kernel stamping packets as they pass, until the returned function is called. The kernel does so only while some socket
 * asks for it, and switches it on a moment after the first one asks: packets of that moment get the time at which they are read, and
 * then say nothing about their order. So who compares the times of several sockets asks early, and goes on asking.
 */
export function keepTimestamps(): () => void {
  const op = 'ask for time stamps'
  const fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (fd < 0) throw new KernelError(op, -fd)
  const result = setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, Uint8Array.of(1, 0, 0, 0), 4)
  if (result < 0) {
    closeSync(fd)
    throw new KernelError(op, -result)
  }
  let open = true
  return () => {
    if (open) closeSync(fd)
    open = false
  }
}
