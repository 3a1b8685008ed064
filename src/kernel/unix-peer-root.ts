import { closeSync, openSync } from 'node:fs'
import { declareRaw, KernelError } from './libc.ts'
import { O_CLOEXEC } from './launch/syscalls.ts'

const openat2 =
  declareRaw<[number, string, number, string, string, string, BigUint64Array, string, number]>(
    'long syscall(long, ...)',
  )
const SYS_openat2 = 437
const RESOLVE_IN_ROOT = 0x10
const O_RDONLY = 0

/**
 * Opens an absolute path as a process with this root folder would: its links, too, lead to what they are for that process (openat2(2)).
 * `root` may be /proc/PID/root. The caller closes the descriptor.
 */
export function openInRoot(root: string, path: string): number {
  const folder = openSync(root, 'r')
  try {
    const how = BigUint64Array.of(BigInt(O_RDONLY | O_CLOEXEC), 0n, BigInt(RESOLVE_IN_ROOT)) // struct open_how
    const fd = openat2(SYS_openat2, 'int', folder, 'const char *', path, 'void *', how, 'unsigned long', 24)
    if (fd < 0) throw new KernelError(`open ${path}`, -fd)
    return fd
  } finally {
    closeSync(folder)
  }
}
