import type { Program } from '../../kernel/launch/program.ts'
import {
  AT_FDCWD,
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOVE_MOUNT_F_EMPTY_PATH,
  O_CLOEXEC,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDWR,
  TIOCGPTPEER,
  TIOCSCTTY,
  TIOCSPTLCK,
} from '../../kernel/launch/syscalls.ts'

/** Where a shim holds the master of its container's terminal. */
export const masterFd = 20
/** The other end: the shim holds it too, so that a program that closes and opens it again ends nothing. */
const slaveFd = 21
const devptsFd = 22
const contextFd = 23
/** What {@link takeTerminal} needs. */
export const terminalFds: readonly number[] = [masterFd, slaveFd, devptsFd]

/**
 * The container's own devpts and its first terminal, before anybody lives in the container: so the shim has the master from the start, and
 * the kernel tells the container `/dev/pts/0` as the terminal's name. `from` is the first descriptor that is free.
 */
export function makeTerminal(program: Program, from: number): void {
  const op = 'make the terminal'
  const keep = (to: number, ...call: Parameters<Program['call']>): void =>
    void program.call(op, 'dup2', program.call(...call), to)
  const set = (name: string, value: string): void =>
    void program.call(op, 'fsconfig', contextFd, FSCONFIG_SET_STRING, name, value, 0)
  keep(contextFd, op, 'fsopen', 'devpts', FSOPEN_CLOEXEC)
  set('mode', '0620')
  set('ptmxmode', '0666')
  program.call(op, 'fsconfig', contextFd, FSCONFIG_CMD_CREATE, 0, 0, 0)
  keep(devptsFd, op, 'fsmount', contextFd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)
  keep(masterFd, op, 'openat', devptsFd, 'ptmx', O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC)
  program.call(op, 'ioctl', masterFd, TIOCSPTLCK, new Uint8Array(4))
  keep(slaveFd, op, 'ioctl', masterFd, TIOCGPTPEER, O_RDWR | O_NOCTTY)
  program.call(op, 'close', contextFd)
  program.call(op, 'close_range', from, masterFd - 1, 0)
}

/** In the shim: what only the container needs. */
export function leaveTerminal(shim: Program): void {
  shim.call('close what is for the container', 'close', devptsFd)
}

/** In the container, once it leads a session and is in its root: the terminal is its input, its output and its errors. */
export function takeTerminal(program: Program): void {
  const op = 'take the terminal'
  // Over the devpts that every container has; both ends of the terminal are files of this very mount.
  program.call(op, 'move_mount', devptsFd, '', AT_FDCWD, '/dev/pts', MOVE_MOUNT_F_EMPTY_PATH)
  for (const fd of [0, 1, 2]) program.call(op, 'dup2', slaveFd, fd)
  for (const fd of [masterFd, slaveFd, devptsFd]) program.call(op, 'close', fd)
  program.call(op, 'ioctl', 0, TIOCSCTTY, 0)
}
