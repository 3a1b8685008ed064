import type { Program } from '../kernel/launch/program.ts'
import { AT_FDCWD, O_CLOEXEC, O_WRONLY } from '../kernel/launch/syscalls.ts'

/**
 * Writes a number to a file of the kernel, and leaves it open. Best effort: what cannot be opened (a /proc that is read-only) leaves descriptor 0, which
 * takes no writing that counts.
 */
export function tell(program: Program, path: string, value: number): void {
  const text = new TextEncoder().encode(String(value))
  const file = program.attempt(`open ${path}`, 'openat', AT_FDCWD, path, O_WRONLY | O_CLOEXEC)
  program.attempt(`write ${path}`, 'write', file, text, text.length)
}

/** At most so many processes in the PID namespace of whoever writes it, where that has a number of its own (Linux 6.14). */
export const pidMax = '/proc/sys/kernel/pid_max'
