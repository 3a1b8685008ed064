import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { KubehopError } from '../base/errors.ts'

/** Settings by which a system forbids ordinary users their own namespaces: file below /proc/sys, the value that forbids, what allows. */
const forbidding = [
  ['kernel/unprivileged_userns_clone', '0', 'sysctl kernel.unprivileged_userns_clone=1'],
  ['kernel/apparmor_restrict_unprivileged_userns', '1', 'sysctl kernel.apparmor_restrict_unprivileged_userns=0'],
  ['user/max_user_namespaces', '0', 'sysctl user.max_user_namespaces=15000'],
  ['user/max_net_namespaces', '0', 'sysctl user.max_net_namespaces=15000'],
  ['user/max_mnt_namespaces', '0', 'sysctl user.max_mnt_namespaces=15000'],
  ['user/max_pid_namespaces', '0', 'sysctl user.max_pid_namespaces=15000'],
] as const

/** Says in words which setting forbids a lab to this user, before anything is made. `setting` reads a file below /proc/sys. */
export function needNamespaces(uid: number, setting: (path: string) => string | undefined = readSetting): void {
  for (const [path, bad, remedy] of forbidding) {
    // Root is stopped only by limits.
    if (setting(path) !== bad || (uid === 0 && !path.startsWith('user/max_'))) continue
    const name = path.replaceAll('/', '.')
    const user = uid === 0 ? '' : ', or run it as root'
    throw refuse(
      `this system forbids namespaces (${name} = ${bad}). Allow them, as root:\n  ${remedy}\n(in /etc/sysctl.d to keep it)${user}`,
    )
  }
}

const leastSpace = 8 * 2 ** 20

/** A lab on a full disk would wait for itself: nothing can be written, its log neither. `free` tells the bytes that this user may still use. */
export function needSpace(folder: string, free: (folder: string) => number = freeIn): void {
  const bytes = free(folder)
  if (bytes >= leastSpace) return
  const megabytes = (of: number): string => (of / 2 ** 20).toFixed(1)
  const say = `only ${megabytes(bytes)} MB are free in ${folder}, and a lab needs ${megabytes(leastSpace)}: make room, or set KUBEHOP_STATE to another folder`
  throw new KubehopError('lab', 'check this system', 'NoSpace', say)
}

function freeIn(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

/** The kernel's refusal of a namespace, where no setting told it in advance: a container's seccomp filter, a security module, a limit. */
export function explainRefusal(error: KubehopError): KubehopError {
  if (!/^(make (a user|a PID)? ?namespaces?|mount \/proc|keep mounts inside)/.test(error.op)) return error
  const why: Record<string, string> = {
    EPERM:
      'a security module (AppArmor, SELinux) or the container this runs in forbids it: run as root, outside a container, or in one started with --privileged',
    EACCES:
      'a security module (AppArmor, SELinux) forbids it: run as root, or allow unprivileged user namespaces there',
    ENOSPC: 'the limit of namespaces is reached: end other labs, or raise the limits in /proc/sys/user/',
    EUSERS: 'namespaces are nested too deeply here',
    EINVAL: 'this kernel has no such namespaces: CONFIG_USER_NS, CONFIG_NET_NS and CONFIG_PID_NS are needed',
  }
  const say = why[error.code]
  return say === undefined ? error : refuse(`the kernel said ${error.code} to "${error.op}": ${say}`, error)
}

const refuse = (say: string, cause?: unknown): KubehopError =>
  new KubehopError('lab', 'check this system', 'NoNamespaces', say, { cause })

function readSetting(path: string): string | undefined {
  const file = `/proc/sys/${path}`
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : undefined
}
