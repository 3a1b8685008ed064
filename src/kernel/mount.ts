import { declare, declareRaw, errnoOf, KernelError } from './libc.ts'
import { MNT_DETACH, MS_NODEV, MS_NOSUID } from './launch/syscalls.ts'

const mount = declare<[string, string, string, number, string]>(
  'int mount(const char *, const char *, const char *, unsigned long, const char *)',
)
const umount2 = declareRaw<[string, number]>('int umount2(const char *, int)')
const EINVAL = errnoOf('EINVAL')
const ENOENT = errnoOf('ENOENT')

/** A new tmpfs over a directory, in this process's mount namespace. `options` as in tmpfs(5): `size=64k,mode=777`. */
export function mountTmpfs(path: string, options: string): void {
  mount(`mount a tmpfs at ${path}`, 'tmpfs', path, 'tmpfs', MS_NOSUID | MS_NODEV, options)
}

/** Takes the mount away, now for new users and for those who still use it when they are done. Fine when nothing is mounted there. */
export function unmount(path: string): void {
  const result = umount2(path, MNT_DETACH)
  if (result < 0 && result !== -EINVAL && result !== -ENOENT) throw new KernelError(`unmount ${path}`, -result)
}
