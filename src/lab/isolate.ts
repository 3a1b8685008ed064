import type { Program } from '../kernel/launch/program.ts'
import {
  AT_FDCWD,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_REC,
  MS_SLAVE,
  O_CLOEXEC,
  O_WRONLY,
} from '../kernel/launch/syscalls.ts'

export interface User {
  uid: number
  gid: number
}

export const self: () => User = () => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 })

/**
 * The calls that take a fresh process out of this machine's network, mounts, host name and IPC. An ordinary user goes through a user
 * namespace in which they are root over just these. A PID namespace comes with the fork that the caller adds.
 */
export function isolate(program: Program, user: User): void {
  if (user.uid !== 0) {
    program.call('make a user namespace', 'unshare', CLONE_NEWUSER)
    // user_namespaces(7): without CAP_SETGID outside, setgroups must be given up before the group can be mapped.
    put(program, '/proc/self/setgroups', 'deny')
    put(program, '/proc/self/uid_map', `0 ${user.uid} 1`)
    put(program, '/proc/self/gid_map', `0 ${user.gid} 1`)
  }
  program.call('make namespaces', 'unshare', CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)
  program.call('keep mounts inside', 'mount', 'none', '/', 0, MS_REC | MS_SLAVE, 0)
}

/** The first calls of the first process in a new PID namespace: a /proc that shows it. */
export function ownProc(program: Program): void {
  program.call('mount /proc', 'mount', 'proc', '/proc', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, 0)
}

function put(program: Program, path: string, text: string): void {
  const bytes = new TextEncoder().encode(text)
  const fd = program.call(`open ${path}`, 'openat', AT_FDCWD, path, O_WRONLY | O_CLOEXEC)
  // Left open until exec closes it: a result can be used once.
  program.call(`write ${path}`, 'write', fd, bytes, bytes.length)
}
