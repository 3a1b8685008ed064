import { reportPid } from '../../kernel/launch/launch.ts'
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
  O_TRUNC,
  O_WRONLY,
  PR_SET_PDEATHSIG,
  SIGKILL,
} from '../../kernel/launch/syscalls.ts'
import { type Becoming, become } from './become.ts'
import { enterRoot, type RootInput } from '../root/root.ts'

/** The descriptor on which the program finds a pidfd of the process whose namespaces it joins. */
export const joinedFd = 5
/** The descriptor that the container's process has until it has joined the pod: until then nobody who looks into the pod finds it. */
const startingFd = 6

/**
 * A container: the shim stays outside, holds the pipes open, waits for the container's first process and writes its wait status (4 bytes, as
 * wait4(2) gives it) to a file, so that no agent has to be there when it ends.
 */
export function containerProgram(what: Becoming, root: RootInput, status: string): Program {
  const program = new Program()
  const report = reportPid()
  const waited = new Uint8Array(4)
  program.fork('start the container', CLONE_NEWPID | CLONE_NEWNS, cell(report, 4), (shim) => {
    shim.call('report', 'write', reportFd, report, report.length)
    for (const fd of [joinedFd, startingFd, reportFd, imageFd]) shim.call('report', 'close', fd)
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
    shim.call('end', 'exit_group', 0)
  })
  program.call('end with the shim', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  program.call('join the pod', 'setns', joinedFd, CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)
  closeOwn(program, startingFd)
  program.call('lead a session', 'setsid')
  enterRoot(program, root)
  become(program, what)
  return program
}

/** One more process in a running container; ends with its exit code. With `terminal`, `/dev/pts/<terminal>` is its terminal. */
export function execProgram(what: Becoming, terminal: number | undefined): Program {
  const program = new Program()
  const report = reportPid()
  const waited = new Uint8Array(4)
  const all = CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWPID
  program.call('join the container', 'setns', joinedFd, all)
  program.fork('start the process', 0, cell(report, 4), (parent) => {
    parent.call('report', 'write', reportFd, report, report.length)
    for (const fd of [joinedFd, reportFd, imageFd, 0, 1, 2]) parent.attempt('report', 'close', fd)
    const code = parent.wait('wait for the process', cell(report, 4), cell(waited))
    parent.call('end', 'exit_group', code)
  })
  closeOwn(program)
  program.call('end with the parent', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  program.call('lead a session', 'setsid')
  if (terminal !== undefined) {
    // The first terminal that a session's leader opens becomes the session's.
    const path = `/dev/pts/${terminal}`
    for (const fd of [0, 1, 2]) program.call('open the terminal', 'close', fd)
    for (const _ of [0, 1, 2]) program.call('open the terminal', 'openat', AT_FDCWD, path, 2, 0)
  }
  become(program, what)
  return program
}

/** From here on others in the container can see this process: it holds nothing of the agent but the pipe for its report. */
function closeOwn(program: Program, ...more: number[]): void {
  for (const fd of [joinedFd, imageFd, ...more]) program.call('close what is not for the container', 'close', fd)
}
