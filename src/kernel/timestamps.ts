import { closeSync } from 'node:fs'
import {
  AF_INET,
  checked,
  setOption,
  SO_TIMESTAMPNS,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  socket,
  SOL_SOCKET,
} from './socket-calls.ts'

/**
 * Keeps the kernel stamping packets as they pass, until the returned function is called. The kernel does so only while some socket
 * asks for it, and switches it on a moment after the first one asks: packets of that moment get the time at which they are read, and
 * then say nothing about their order. So who compares the times of several sockets asks early, and goes on asking.
 */
export function keepTimestamps(): () => void {
  const op = 'ask for time stamps'
  const fd = checked(op, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
  try {
    setOption(op, fd, SOL_SOCKET, SO_TIMESTAMPNS, 1)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  let open = true
  return () => {
    if (open) closeSync(fd)
    open = false
  }
}
