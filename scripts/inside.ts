import { launch } from '../src/kernel/launch/launch.ts'
import { findPlace, removePlace } from '../src/kernel/cgroup/groups.ts'
import { Program, cell, strings } from '../src/kernel/launch/program.ts'
import { CLONE_NEWPID, F_SETFD, FD_CLOEXEC, PR_SET_PDEATHSIG, SIGKILL } from '../src/kernel/launch/syscalls.ts'
import { reportFd } from '../src/kernel/launch/stub.ts'
import { isolate, ownProc, self } from '../src/lab/isolate.ts'

/**
 * Runs `node ARGS` in fresh network, mount, UTS, IPC and PID namespaces (for an ordinary user in a user namespace of their own, too), and
 * resolves to its exit code: what it makes there cannot touch this machine's network and is gone when it ends, at the latest after `limitMs`.
 */
export async function inside(args: string[], env: NodeJS.ProcessEnv, title: string, limitMs?: number): Promise<number> {
  const program = new Program()
  const pid = cell()
  isolate(program, self())
  // Before and after the fork: a child does not inherit it.
  program.call('die with the runner', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  program.fork('make a PID namespace', CLONE_NEWPID, pid, (parent) => {
    parent.call('report', 'close', reportFd)
    const code = parent.wait('wait for the first process', pid, cell())
    parent.call('exit', 'exit_group', code)
  })
  program.call('die with the process outside', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  ownProc(program)
  program.call('come back to the checkout', 'chdir', process.cwd())
  // The first process of a PID namespace has to reap; node is its child.
  const runner = cell()
  program.fork('start the runner', 0, runner, (parent) => {
    parent.call('report', 'close', reportFd)
    const code = parent.wait('wait for the runner', runner, cell())
    parent.call('exit', 'exit_group', code)
  })
  // Control groups are no namespace: they stay when their processes go.
  const groups = `tests-${process.pid}`
  const { place } = findPlace(groups)
  const variables = Object.entries({ ...env, KUBEHOP_TEST_GROUPS: groups }).map(
    ([key, value]) => `${key}=${value ?? ''}`,
  )
  // Node would hold it open until it ends, and the launch would not be over before that.
  program.call('close the report when node starts', 'fcntl', reportFd, F_SETFD, FD_CLOEXEC)
  program.call('start node', 'execve', process.execPath, strings(['node', ...args]), strings(variables))
  const { child, exited } = await launch(program, { title, stdio: ['ignore', 'inherit', 'inherit'] })
  const timer = limitMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), limitMs)
  const code = await exited
  clearTimeout(timer)
  await removePlace(place)
  return code
}
