// Runs every test: pure ones as they are; those in test/kernel inside fresh namespaces, so that they work as any user and cannot touch the
// machine's own network; whole clusters (test/e2e) from outside, as a person starts them.
//   npm test [-- pure|kernel|e2e ...] [-- FILE ...]
import { spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { launch } from '../src/kernel/launch/launch.ts'
import { Program, cell, strings } from '../src/kernel/launch/program.ts'
import { CLONE_NEWPID, PR_SET_PDEATHSIG, SIGKILL } from '../src/kernel/launch/syscalls.ts'
import { isolate, ownProc, self } from '../src/lab/isolate.ts'
import { prepare } from './prepare.ts'

const lanes = {
  pure: { files: ['src/**/*.test.ts', 'examples/**/*.test.ts', 'scripts/**/*.test.ts'], concurrency: 2, run: outside },
  kernel: { files: ['test/kernel/**/*.test.ts'], concurrency: 2, run: inside },
  e2e: { files: ['test/e2e/**/*.test.ts'], concurrency: 1, run: outside },
}

const wanted = process.argv.slice(2)
const env = { ...process.env, ...(await prepare()) }
let failed = false
for (const [name, lane] of Object.entries(lanes)) {
  const files = globSync(lane.files).sort()
  const chosen = wanted.length === 0 || wanted.includes(name) ? files : files.filter((file) => wanted.includes(file))
  if (chosen.length === 0) continue
  console.log(`\n${name}: ${chosen.length} files`)
  const args = ['--test', `--test-concurrency=${lane.concurrency}`, '--test-timeout=240000', ...chosen]
  if ((await lane.run(args)) !== 0) failed = true
}
process.exitCode = failed ? 1 : 0

function outside(args: string[]): number {
  return spawnSync(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'], env }).status ?? 1
}

async function inside(args: string[]): Promise<number> {
  const program = new Program()
  const pid = cell()
  isolate(program, self())
  program.fork('make a PID namespace', CLONE_NEWPID, pid, (parent) => {
    parent.call('report', 'close', 4)
    const code = parent.wait('wait for the tests', pid, cell())
    parent.call('exit', 'exit_group', code)
  })
  program.call('die with the runner', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  ownProc(program)
  program.call('come back to the checkout', 'chdir', process.cwd())
  // The first process of a PID namespace has to reap; the runner is its child.
  const runner = cell()
  program.fork('start the runner', 0, runner, (parent) => {
    parent.call('report', 'close', 4)
    const code = parent.wait('wait for the runner', runner, cell())
    parent.call('exit', 'exit_group', code)
  })
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value ?? ''}`)
  program.call('start node', 'execve', process.execPath, strings(['node', ...args]), strings(variables))
  const { exited } = await launch(program, { title: 'kubehop tests', stdio: ['ignore', 'inherit', 'inherit'] })
  return exited
}
