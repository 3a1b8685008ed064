import type { PodSpec } from '../../api/objects/pod.ts'
import { reportPid } from '../../kernel/launch/launch.ts'
import { cell, Program } from '../../kernel/launch/program.ts'
import { ignored, signals } from '../../kernel/launch/signals.ts'
import { reportFd } from '../../kernel/launch/stub.ts'
import {
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWPID,
  CLONE_NEWUTS,
  SIG_BLOCK,
  SIGCHLD,
  SIGINT,
  SIGTERM,
} from '../../kernel/launch/syscalls.ts'
import { pidMax, tell } from '../tell.ts'

/** Where the program hears, by one byte, that it was noted. */
const notedFd = 5

/** What of its namespaces a pod has from the node, and whether its containers see each other's processes. */
export interface Sharing {
  hostNetwork: boolean
  hostIPC: boolean
  /** `own`: each container sees its own processes; `pod`: all of the pod; `node`: all of the node. */
  processes: 'own' | 'pod' | 'node'
}

export function sharingOf({ hostNetwork, hostIPC, hostPID, shareProcessNamespace }: PodSpec): Sharing {
  return {
    hostNetwork: hostNetwork === true,
    hostIPC: hostIPC === true,
    processes: hostPID === true ? 'node' : shareProcessNamespace === true ? 'pod' : 'own',
  }
}

/**
 * Pause: makes the pod's namespaces, reports that they are there, and holds them until it is told to end. It has nothing else to do, so it
 * never fails, and containers come and go without the namespaces going with them. `pids`: so many processes containers that share them may have.
 */
export function pauseProgram(hostname: string, { hostNetwork, hostIPC, processes }: Sharing, pids?: number): Program {
  const program = new Program()
  const network = hostNetwork ? 0 : CLONE_NEWNET
  const ipc = hostIPC ? 0 : CLONE_NEWIPC
  program.call('make the namespaces', 'unshare', network | ipc | CLONE_NEWUTS)
  program.call('set the hostname', 'sethostname', hostname, Buffer.byteLength(hostname))
  // Its first process is the one that holds it: pause itself must be a child.
  if (processes === 'pod') {
    const report = reportPid()
    program.fork('make the process namespace', CLONE_NEWPID, cell(report, 4), (parent) => {
      parent.call('report', 'write', reportFd, report, report.length)
      parent.call('end', 'exit_group', 0)
    })
    program.call('lead a session', 'setsid')
    if (pids !== undefined) {
      tell(program, pidMax, pids)
      program.attempt(`close ${pidMax}`, 'close', notedFd + 1)
    }
  }
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
