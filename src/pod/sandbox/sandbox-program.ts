import { Program } from '../../kernel/launch/program.ts'
import { ignored, signals } from '../../kernel/launch/signals.ts'
import { reportFd } from '../../kernel/launch/stub.ts'
import {
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWUTS,
  SIG_BLOCK,
  SIGCHLD,
  SIGINT,
  SIGTERM,
} from '../../kernel/launch/syscalls.ts'

/** Where the program hears, by one byte, that it was noted. */
const notedFd = 5

/**
 * Pause: makes the pod's namespaces, reports that they are there, and holds them until it is told to end. It has nothing else to do, so it
 * never fails, and containers come and go without the namespaces going with them.
 */
export function pauseProgram(hostname: string, hostNetwork: boolean): Program {
  const program = new Program()
  const network = hostNetwork ? 0 : CLONE_NEWNET
  program.call('make the namespaces', 'unshare', network | CLONE_NEWUTS | CLONE_NEWIPC)
  program.call('set the hostname', 'sethostname', hostname, Buffer.byteLength(hostname))
  // Orphans of the pod that end up here are reaped by the kernel.
  program.call('reap orphans', 'rt_sigaction', SIGCHLD, ignored(), 0, 8)
  const ends = signals(SIGTERM, SIGINT)
  program.call('wait for signals', 'rt_sigprocmask', SIG_BLOCK, ends, 0, ends.length)
  program.call('report', 'close', reportFd)
  // An agent that dies before it has written down that this process is there would leave it for ever.
  program.unless('wait until it is noted', 'read', [notedFd, new Uint8Array(1), 1], (forgotten) => {
    forgotten.call('end', 'exit_group', 0)
  })
  program.call('go on alone', 'close', notedFd)
  program.awaitSignal('hold the namespaces', ends)
  program.call('end', 'exit_group', 0)
  return program
}
