import { declare } from './libc.ts'

// Linux for x86-64, by number: glibc has a function of this name only since 2.33.
const MKNOD = 133
const S_IFCHR = 0o020000
const mknod = declare<[number, string, string, string, number, string, number]>('long syscall(long, ...)')

/** The mark by which a layer of overlayfs hides a name of those below: a character device 0:0. Any user may make it since Linux 5.8. */
export function makeWhiteout(path: string): void {
  mknod(`hide ${path}`, MKNOD, 'const char *', path, 'unsigned int', S_IFCHR, 'unsigned long', 0)
}
