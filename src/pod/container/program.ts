import { dirname } from 'node:path'
import { reportPid, reportText } from '../../kernel/launch/launch.ts'
import { cell, Program } from '../../kernel/launch/program.ts'
import { imageFd, reportFd } from '../../kernel/launch/stub.ts'
import {
  AT_FDCWD,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_PATH,
  O_TRUNC,
  O_WRONLY,
  PR_SET_PDEATHSIG,
  SA_NOCLDSTOP,
  SIG_BLOCK,
  SIG_SETMASK,
  SIGCHLD,
  SIGKILL,
  SIGUSR1,
  SIGUSR2,
} from '../../kernel/launch/syscalls.ts'
import { defaultAction, signals } from '../../kernel/launch/signals.ts'
import { type Becoming, become } from './become.ts'
import { holdLayers } from '../root/image-root.ts'
import { enterRoot, type RootInput } from '../root/root.ts'
import type { Sharing } from '../sandbox/sandbox-program.ts'
import { pidMax, tell } from '../tell.ts'
import { leaveTerminal, makeTerminal, takeTerminal, terminalFds } from './terminal-program.ts'

/** The descriptor on which the program finds a pidfd of the process whose namespaces it joins. */
export const joinedFd = 5
/** The descriptor that the container's process has until it has joined the pod: until then nobody who looks into the pod finds it. */
const startingFd = 6
/** Where the shim holds the writing end of the container's standard input. */
const inputFd = 7

/** Tells the shim of a container to close the container's standard input, for good. */
export const closeInput: number = SIGUSR1
/** Tells the shim that somebody reads what the container printed: when the container has ended, it need not wait any longer. */
export const letGo: number = SIGUSR2

export interface ContainerProgramInput {
  what: Becoming
  root: RootInput
  /** The file for the wait status. */
  status: string
  /** `pipe`: descriptor 0 is a pipe whose writing end is descriptor 7. `terminal`: descriptors 0 to 2 become a terminal of the container's own. */
  input: 'none' | 'pipe' | 'terminal'
  /** Whose processes it sees. */
  processes: ProcessesSeen
  bounds: Bounds
}

/** What the kernel holds a container to. */
export interface Bounds {
  /** So many descriptors follow the others: whoever writes to them is in a control group. */
  groups: number
  /** At most so many processes, where the kernel can tell that to a PID namespace. */
  pids?: number
  /** /proc/PID/oom_score_adj, where this process may set it. */
  oomScore?: number
}

/** `target`: those of the process whose pidfd follows the other descriptors. */
export type ProcessesSeen = Sharing['processes'] | 'target'

/**
 * A container: the shim stays outside, holds the pipes or the terminal open, waits for the container's first process and writes its wait
 * status (4 bytes, as wait4(2) gives it) to a file, so that no agent has to be there when it ends. Then it holds what was printed last until
 * it is told that an agent reads it.
 */
export function containerProgram({ what, root, status, input, processes, bounds }: ContainerProgramInput): Program {
  const program = new Program()
  const report = reportPid()
  const waited = new Uint8Array(4)
  const told = signals(letGo)
  const inputOver = signals(closeInput, SIGCHLD)
  const blocked = signals(letGo, closeInput, SIGCHLD)
  // A child that only stops is not to look like one that ended.
  program.call('wait for signals', 'rt_sigaction', SIGCHLD, defaultAction(SA_NOCLDSTOP), 0, 8)
  program.call('wait for signals', 'rt_sigprocmask', SIG_BLOCK, blocked, 0, blocked.length)
  const targetFd = input === 'pipe' ? inputFd + 1 : inputFd
  if (processes === 'target') {
    program.call('join the processes of the target', 'setns', targetFd, CLONE_NEWPID)
    program.call('join the processes of the target', 'close', targetFd)
  }
  const firstGroup = processes === 'target' ? targetFd + 1 : targetFd
  const groupFds = Array.from({ length: bounds.groups }, (_, at) => firstGroup + at)
  if (input === 'terminal') makeTerminal(program, firstGroup + bounds.groups)
  // For its children; the shim stays where it is.
  if (processes === 'pod') program.call('join the processes of the pod', 'setns', joinedFd, CLONE_NEWPID)
  const space = processes === 'own' ? CLONE_NEWPID : 0
  program.fork('start the container', space | CLONE_NEWNS, cell(report, 4), (shim) => {
    shim.call('report', 'write', reportFd, report, report.length)
    for (const fd of [0, joinedFd, startingFd, reportFd, imageFd, ...groupFds]) shim.call('report', 'close', fd)
    if (root.kind === 'image') holdLayers(shim, root)
    if (input === 'terminal') leaveTerminal(shim)
    // By this an agent knows whose it is: see endStrayShims.
    shim.attempt('hold its directory', 'openat', AT_FDCWD, dirname(status), O_PATH | O_DIRECTORY | O_CLOEXEC, 0)
    if (input === 'pipe') {
      shim.awaitSignal('hold the input', inputOver)
      shim.call('close the input', 'close', inputFd)
    }
    shim.wait('wait for the container', cell(report, 4), cell(waited))
    const file = shim.call(
      'open the status',
      'openat',
      AT_FDCWD,
      status,
      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
      0o600,
    )
    shim.call('write the status', 'write', file, waited, waited.length)
    shim.awaitSignal('hold the output', told)
    shim.call('end', 'exit_group', 0)
  })
  program.call('end with the shim', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  program.call('take signals again', 'rt_sigprocmask', SIG_SETMASK, signals(), 0, 8)
  if (processes !== 'own') tellMounts(program)
  enterGroups(program, groupFds)
  if (bounds.oomScore !== undefined) tell(program, '/proc/self/oom_score_adj', bounds.oomScore)
  if (processes === 'own' && bounds.pids !== undefined) tell(program, pidMax, bounds.pids)
  program.call('join the pod', 'setns', joinedFd, CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)
  closeOwn(program, startingFd, ...(input === 'pipe' ? [inputFd] : []))
  program.call('lead a session', 'setsid')
  enterRoot(program, root, input === 'terminal' ? terminalFds : [])
  if (input === 'terminal') takeTerminal(program)
  ownStreams(program, what, input === 'none' ? [1, 2] : [0, 1, 2])
  become(program, what)
  return program
}

/** One more process in a running container; ends with its exit code. With `terminal`, `/dev/pts/<terminal>` is its terminal; with `input`, descriptor 0 is a pipe. */
export function execProgram(
  what: Becoming,
  { terminal, input }: { terminal?: number; input: boolean },
  groups: number,
): Program {
  const program = new Program()
  const report = reportPid()
  const waited = new Uint8Array(4)
  const all = CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWPID
  const groupFds = Array.from({ length: groups }, (_, at) => joinedFd + 1 + at)
  program.call('join the container', 'setns', joinedFd, all)
  program.fork('start the process', 0, cell(report, 4), (parent) => {
    parent.call('report', 'write', reportFd, report, report.length)
    for (const fd of [joinedFd, reportFd, imageFd, 0, 1, 2, ...groupFds]) parent.attempt('report', 'close', fd)
    const code = parent.wait('wait for the process', cell(report, 4), cell(waited))
    parent.call('end', 'exit_group', code)
  })
  enterGroups(program, groupFds)
  closeOwn(program)
  program.call('end with the parent', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  program.call('lead a session', 'setsid')
  if (terminal !== undefined) {
    // The first terminal that a session's leader opens becomes the session's.
    const path = `/dev/pts/${terminal}`
    for (const fd of [0, 1, 2]) program.call('open the terminal', 'close', fd)
    for (const _ of [0, 1, 2]) program.call('open the terminal', 'openat', AT_FDCWD, path, 2, 0)
  }
  ownStreams(program, what, terminal === undefined && !input ? [1, 2] : [0, 1, 2])
  become(program, what)
  return program
}

/**
 * Who is not root may open `/dev/stdout` again, as everybody may who was given a pipe or a terminal by a shell. `streams` must not be devices
 * of this machine, which belong to everybody.
 */
function ownStreams(program: Program, { identity: { uid } }: Becoming, streams: number[]): void {
  if (uid !== 0) for (const fd of streams) program.attempt('own the streams', 'fchown', fd, uid, -1)
}

/** Which mount namespace it was given, while it can be in no other yet: a program may go to another one at once (`nsenter --mount`). */
function tellMounts(program: Program): void {
  const { message, text, most } = reportText(longestLink)
  program.call('tell its mount namespace', 'readlinkat', AT_FDCWD, '/proc/self/ns/mnt', text, most)
  program.call('tell its mount namespace', 'write', reportFd, message, message.length)
}

/** `mnt:[4026531840]` */
const longestLink = 32

/** `0` is whoever writes it. */
function enterGroups(program: Program, groupFds: number[]): void {
  for (const fd of groupFds) {
    program.call('enter the control group', 'write', fd, new TextEncoder().encode('0'), 1)
    program.call('enter the control group', 'close', fd)
  }
}

/** From here on others in the container can see this process: it holds nothing of the agent but the pipe for its report. */
function closeOwn(program: Program, ...more: number[]): void {
  for (const fd of [joinedFd, imageFd, ...more]) program.call('close what is not for the container', 'close', fd)
}
