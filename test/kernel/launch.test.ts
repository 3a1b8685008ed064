import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { makePipe } from '../../src/kernel/fifo.ts'
import { type Launched, type LaunchOptions, launch, reportPid, reportText } from '../../src/kernel/launch/launch.ts'
import { cell, Program, strings } from '../../src/kernel/launch/program.ts'
import { AT_FDCWD, CLONE_NEWPID, SIG_BLOCK, SIGTERM } from '../../src/kernel/launch/syscalls.ts'
import { openProcess, startedAt } from '../../src/kernel/process.ts'

const quiet: LaunchOptions = { title: 'kubehop test', stdio: ['ignore', 'ignore', 'ignore'] }
const closeReport = (program: Program): void => void program.call('report', 'close', 4)

/** Runs `/bin/sh -c script` and returns what it printed. */
async function sh(
  script: string,
  prepare: (program: Program) => void = () => undefined,
): Promise<{ code: number; out: string }> {
  const program = new Program()
  prepare(program)
  program.call('keep nothing', 'close_range', 3, 0xffff_ffff, 4)
  program.call('exec', 'execve', '/bin/sh', strings(['sh', '-c', script]), strings(['A=b']))
  const pipe = makePipe()
  const started = launch(program, { ...quiet, stdio: ['ignore', pipe.write, 'ignore'] })
  closeSync(pipe.write)
  const { exited } = await started
  const out = readFileSync(pipe.read, 'utf8')
  closeSync(pipe.read)
  return { code: await exited, out }
}

test('a program becomes another one, with its arguments, environment and only its three descriptors', async () => {
  assert.deepEqual(await sh('echo "$A $0"; ls /proc/self/fd | tr "\\n" " "; exit 7'), {
    code: 7,
    out: 'b sh\n0 1 2 3 ',
  })
})

test('the call that the kernel refused is named, and nothing of the launch is left', async () => {
  const program = new Program()
  program.call('go there', 'chdir', '/')
  program.call('make the folder', 'mkdir', '/no/such/folder', 0o755)
  program.call('never', 'mkdir', '/tmp/never', 0o755)
  await assert.rejects(launch(program, quiet), {
    message: 'kernel: make the folder: ENOENT',
    code: 'ENOENT',
    op: 'make the folder',
  })
})

test('attempts may fail, and one of several that had to succeed fails with the last error', async () => {
  const program = new Program()
  program.attempt('first', 'chdir', '/no/such/folder')
  program.attempt('second', 'execve', '/etc/passwd', 0, 0)
  program.fail('none of them')
  await assert.rejects(launch(program, quiet), { code: 'EACCES', op: 'none of them' })
})

test("the waiting parent ends with its child's code, or 128 and the signal", async () => {
  for (const [script, code] of [
    ['exit 0', 0],
    ['exit 9', 9],
    ['kill -9 $$', 137],
    ['kill -TERM $$', 143],
  ] as const) {
    const program = new Program()
    const pid = cell()
    program.fork('fork', 0, pid, (parent) => {
      closeReport(parent)
      parent.call('end', 'exit_group', parent.wait('wait', pid, cell()))
    })
    program.call('keep nothing', 'close_range', 3, 0xffff_ffff, 4)
    program.call('exec', 'execve', '/bin/sh', strings(['sh', '-c', script]), strings([]))
    const { exited } = await launch(program, quiet)
    assert.equal(await exited, code, script)
  }
})

test('the first process of a PID namespace reaps orphans until its own child has ended', async () => {
  const program = new Program()
  const [init, child, status] = [cell(), cell(), cell()]
  program.fork('new namespace', CLONE_NEWPID, init, (parent) => {
    closeReport(parent)
    parent.call('end', 'exit_group', parent.wait('wait', init, status))
  })
  program.fork('child', 0, child, (parent) => {
    closeReport(parent)
    parent.call('end', 'exit_group', parent.wait('wait', child, cell()))
  })
  program.call('keep nothing', 'close_range', 3, 0xffff_ffff, 4)
  program.call(
    'exec',
    'execve',
    '/bin/sh',
    strings(['sh', '-c', 'for i in 1 2 3; do (sleep 0.01 &); done; sleep 0.1; exit 5']),
    strings(['PATH=/usr/bin:/bin']),
  )
  const { exited } = await launch(program, quiet)
  assert.equal(await exited, 5)
})

async function waiter(): Promise<Launched> {
  const program = new Program()
  const mask = new Uint8Array(8)
  mask[1] = 1 << (SIGTERM - 9)
  program.call('block', 'rt_sigprocmask', SIG_BLOCK, mask, 0, 8)
  closeReport(program)
  program.awaitSignal('wait', mask)
  program.call('end', 'exit_group', 3)
  return launch(program, quiet)
}

test('a process that waits for a signal goes on waiting after a stop and a continue, and takes the signal', async () => {
  const { child, exited } = await waiter()
  for (let round = 0; round < 5; round++) {
    child.kill('SIGSTOP')
    child.kill('SIGCONT')
  }
  assert.ok(startedAt(child.pid ?? 0))
  child.kill('SIGTERM')
  assert.equal(await exited, 3)
})

test('a pid is reported to the launcher, who can hold the process', async () => {
  const program = new Program()
  const report = reportPid()
  program.fork('fork', 0, cell(report, 4), (parent) => {
    parent.call('report', 'write', 4, report, report.length)
    closeReport(parent)
    parent.call('end', 'exit_group', parent.wait('wait', cell(report, 4), cell()))
  })
  closeReport(program)
  program.call('sleep', 'pause')
  const { reported = 0, exited } = await launch(program, quiet)
  const process = openProcess(reported)
  assert.ok(process)
  assert.equal(openProcess(reported, '1'), undefined, 'another process than the one that was meant')
  assert.equal(process.signal(9), true)
  await process.ended
  assert.equal(await exited, 137)
  assert.equal(process.signal(9), false)
  process.close()
})

test('a text is reported to the launcher, beside the pid', async () => {
  const program = new Program()
  const report = reportPid()
  const { message, text, most } = reportText(32)
  program.fork('fork', 0, cell(report, 4), (parent) => {
    parent.call('report', 'write', 4, report, report.length)
    closeReport(parent)
    parent.call('end', 'exit_group', parent.wait('wait', cell(report, 4), cell()))
  })
  program.call('read the link', 'readlinkat', AT_FDCWD, '/proc/self/ns/mnt', text, most)
  program.call('report', 'write', 4, message, message.length)
  closeReport(program)
  program.call('end', 'exit_group', 0)
  const { reported, said, exited } = await launch(program, quiet)
  assert.ok(reported)
  assert.equal(said, readlinkSync('/proc/self/ns/mnt'))
  assert.equal(await exited, 0)
})

test('a branch is taken only when the call before it did not succeed', async () => {
  const step =
    (path: string) =>
    (program: Program): void => {
      program.unless(
        'look',
        'openat',
        [-100, path, 0],
        (otherwise) => void otherwise.call('go to /usr', 'chdir', '/usr'),
      )
    }
  assert.equal(
    (
      await sh('pwd', (program) => {
        program.call('start', 'chdir', '/')
        step('/etc')(program)
      })
    ).out,
    '/\n',
  )
  assert.equal(
    (
      await sh('pwd', (program) => {
        program.call('start', 'chdir', '/')
        step('/none')(program)
      })
    ).out,
    '/usr\n',
  )
})

test('the stub runs from memory, and a launch leaks no descriptor', async () => {
  const count = (): number => readdirSync('/proc/self/fd').length
  const first = await waiter()
  assert.match(readlinkSync(`/proc/${first.child.pid}/exe`), /^\/memfd:kubehop/)
  first.child.kill('SIGTERM')
  await first.exited
  const before = count()
  for (let round = 0; round < 5; round++) {
    const { child, exited } = await waiter()
    child.kill('SIGTERM')
    await exited
  }
  assert.equal(count(), before)
})

test('a launch for which no descriptors are left is refused', async () => {
  await launch(ending(), quiet) // so that the stub is there
  const limit = (soft: string): void =>
    void execFileSync('prlimit', [`--pid=${process.pid}`, `--nofile=${soft}:`], { stdio: 'ignore' })
  const before = /Max open files\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1] ?? '1024'
  limit('100')
  const filling: number[] = []
  try {
    for (;;) filling.push(openSync('/dev/null', 'r'))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'EMFILE')
  }
  // Enough for the launch's own file, not for its streams.
  closeSync(filling.pop() as number)
  try {
    await assert.rejects(launch(ending(), quiet), { code: 'SpawnFailed', message: /EMFILE/ })
  } finally {
    for (const fd of filling) closeSync(fd)
    limit(before)
  }
})

function ending(): Program {
  const program = new Program()
  closeReport(program)
  program.call('end', 'exit_group', 0)
  return program
}
