import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { launcher } from './launcher.ts'
import { greeting, type Request, writeAnswer } from './protocol.ts'
import { ended, LauncherWorld } from './testing.ts'

const skip = process.arch === 'x64' ? false : 'launchers are for x86-64'
const alone = (input = 'input', question = 'why'): string => `alone ${question} ${input} SigIgn:\t0000000000000000\n`

test('the launcher is one small ELF file without anything writable', () => {
  const file = Buffer.from(
    launcher({
      socket: '/run/kubehop/cni/agent.sock',
      variable: 'CNI_COMMAND',
      program: '/usr/bin/node',
      argv: ['node', '/opt/kubehop.mjs', 'cni'],
      script: '/opt/kubehop.mjs',
      say: { lost: '', unreadable: '', missing: '' },
      patience: { greeting: 1, answer: 1 },
    }),
  )
  assert.equal(file.subarray(0, 4).toString('latin1'), '\x7fELF')
  assert.deepEqual([file.readUInt32LE(68), file.readUInt32LE(124)], [5, 6])
  assert.ok(file.length < 1500, `${file.length} bytes`)
})

test('a socket whose path the kernel would not take is refused, and so is a NUL in what is started', () => {
  using world = new DisposableStack()
  const one = world.adopt(new LauncherWorld(), (it) => void it[Symbol.asyncDispose]())
  assert.throws(() => one.write({ socket: `/${'x'.repeat(107)}` }), { code: 'PathTooLong' })
  assert.throws(() => one.write({ argv: ['a\0b'] }), TypeError)
  one.write({ socket: `/${'x'.repeat(106)}` })
})

test('the whole environment and the whole input go to the server, its answer and exit code come back', {
  skip,
}, async () => {
  await using world = new LauncherWorld().write()
  const asked: Request[] = []
  await world.serve((request) => {
    asked.push(request)
    return { exitCode: 3, out: 'answer\n' }
  })
  const env = { A: '1', QUESTION: 'why not', EMPTY: '', UMLAUT: 'ä=ö' }
  assert.deepEqual(await world.run('input', env), { code: 3, signal: null, stdout: 'answer\n' })
  assert.deepEqual({ ...asked[0]?.env }, env)
  assert.equal(asked[0]?.stdin, 'input')
})

test('input may be empty, closed, large, or come in pieces; so may the answer', { skip }, async () => {
  await using world = new LauncherWorld().write()
  await world.serve(({ stdin }) => ({ exitCode: 0, out: stdin }))
  assert.equal((await world.run('')).stdout, '')
  assert.deepEqual(await world.shell('exec "$0" <&-'), { code: 0, signal: null, stdout: '' })
  assert.deepEqual(await world.shell('exec "$0" <&- 2>&-'), { code: 0, signal: null, stdout: '' })
  for (const size of [1, 4091, 0xffff, 0x1_0000, 0x1_0ffc, 0x1_1000, 1 << 20, (1 << 22) + 1]) {
    const input = Buffer.alloc(size, 'abcdefghijk').toString()
    assert.equal((await world.run(input)).stdout, input, `${size} bytes`)
  }
  const pieces = await world.shell(`for i in 1 2 3 4 5 6 7 8; do printf 'piece %s\\n' "$i"; done | "$0"`)
  assert.equal(pieces.stdout, '12345678'.replaceAll(/./g, 'piece $&\n'))
})

test('input and output that do not block are waited for', { skip }, async () => {
  await using world = new LauncherWorld().write()
  await world.serve(({ stdin }) => ({ exitCode: 0, out: stdin.repeat(200_000) }))
  const fifo = join(world.folder, 'fifo')
  spawnSync('mkfifo', [fifo])
  const both = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
  const end = openSync(fifo, constants.O_WRONLY)
  const input = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  closeSync(both)
  const child = world.start(undefined, [input, 'pipe', 'inherit'])
  closeSync(input)
  await inState(child.pid ?? 0, 'S')
  writeSync(end, 'hello')
  closeSync(end)
  assert.equal((await ended(child)).stdout.length, 1_000_000)
})

test('where no server is, it becomes the other program, as if it had never been there', { skip }, async () => {
  await using world = new LauncherWorld().write()
  assert.deepEqual(await world.run(), { code: 7, signal: null, stdout: alone() }, 'no socket')
  await world.listen(() => assert.fail('nobody can connect'))
  chmodSync(world.socket, 0)
  // Root may connect to everything, unless it has no capabilities.
  const [program, ...args] = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', world.path] : [world.path]
  const denied = spawnSync(program ?? '', args, { env: { QUESTION: 'why', PATH: process.env['PATH'] }, input: 'input' })
  assert.equal(denied.stdout.toString(), alone(), 'a socket for others')
  await world.stop()
  await leaveStale(world.socket)
  assert.equal((await world.run()).stdout, alone(), 'a socket that a killed server left')
  writeFileSync(join(world.folder, 'file'), '')
  world.write({ socket: join(world.folder, 'file') })
  assert.equal((await world.run()).stdout, alone(), 'a file that is no socket')
})

test('a server that hangs up, keeps silent, or speaks another version has not been asked', { skip }, async () => {
  for (const [what, greet] of [
    ['hangs up', undefined],
    ['is of another version', Buffer.from('KUBEHOP\u0002')],
    ['says half of it', greeting.subarray(0, 4)],
  ] as const) {
    await using world = new LauncherWorld().write()
    await world.listen((socket) => {
      socket.on('data', () => assert.fail('it was asked'))
      if (greet === undefined) socket.destroy()
      else socket.end(greet)
    })
    assert.equal((await world.run()).stdout, alone(), what)
  }
  await using world = new LauncherWorld().write({ patience: { greeting: 1, answer: 10 } })
  await world.listen(() => {})
  assert.equal((await world.run()).stdout, alone(), 'says nothing')
})

test('without the variable, or with too large an environment, the server is not asked', { skip }, async () => {
  await using world = new LauncherWorld().write()
  await world.serve(({ env }) => ({ exitCode: 0, out: env['QUESTION'] ?? '' }))
  assert.equal((await world.run('input', {})).stdout, alone('input', ''))
  assert.equal((await world.run('input', { QUESTION: '', QUESTIONS: 'x', QUEST: 'x' })).stdout, alone('input', ''))
  assert.equal((await world.run('', { QUESTION: 'x', LARGE: 'x'.repeat(60_000) })).stdout, 'x')
  assert.equal((await world.run('input', { QUESTION: 'x', LARGE: 'x'.repeat(62_000) })).stdout, alone('input', 'x'))
})

test('a server that ends at any moment after its greeting is a failure, and nothing is started', { skip }, async () => {
  const answer = writeAnswer(0, 'a whole answer')
  for (const [when, read, said] of [
    ['at once', 0, 0],
    ['in the middle of the request', 70_000, 0],
    ['before its answer', 200_000, 0],
    ['within its answer’s head', 200_000, 5],
    ['after its answer’s head', 200_000, 8],
    ['before its answer’s last byte', 200_000, answer.length - 1],
  ] as const) {
    await using world = new LauncherWorld().write()
    await world.listen((socket) => {
      let seen = 0
      const end = (): void => void socket.write(answer.subarray(0, said), () => socket.destroy())
      socket.write(greeting, () => (read === 0 ? end() : undefined))
      socket.on('data', ({ length }) => {
        seen += length
        if (read > 0 && seen >= read) end()
      })
    })
    assert.deepEqual(await world.run('x'.repeat(200_000)), { code: 1, signal: null, stdout: 'lost' }, when)
  }
})

test('a server that answers before it has read everything is heard', { skip }, async () => {
  await using world = new LauncherWorld().write()
  await world.listen((socket) => {
    socket.write(greeting)
    socket.once('data', () => {
      socket.pause()
      socket.write(writeAnswer(1, 'too large'), () => socket.destroy())
    })
  })
  assert.deepEqual(await world.run('x'.repeat(5 << 20)), { code: 1, signal: null, stdout: 'too large' })
})

test('a server that does not answer in time is a failure', { skip }, async () => {
  await using world = new LauncherWorld().write({ patience: { greeting: 10, answer: 1 } })
  await world.listen((socket) => {
    socket.write(greeting)
    socket.resume()
  })
  assert.deepEqual(await world.run(), { code: 1, signal: null, stdout: 'lost' })
})

test('an answer that nobody can read any more is a failure, not a signal', { skip }, async () => {
  await using world = new LauncherWorld().write()
  await world.serve(({ stdin }) => ({ exitCode: 0, out: stdin }))
  assert.deepEqual(await world.shell('echo x | "$0" >&-'), { code: 1, signal: null, stdout: '' })
  assert.deepEqual(await world.shell('"$0" >&- </dev/null'), { code: 0, signal: null, stdout: '' }, 'nothing to tell')
  const child = world.start()
  child.stdout?.destroy()
  child.stdin?.end('x'.repeat(100_000))
  assert.deepEqual(await once(child, 'exit'), [1, null])
})

test('stopped and continued, it goes on waiting', { skip }, async () => {
  await using world = new LauncherWorld().write()
  const [asked, answerNow] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  await world.listen((socket) => {
    socket.write(greeting)
    socket.on('data', () => asked.resolve())
    void answerNow.promise.then(() => socket.end(writeAnswer(0, 'late')))
  })
  const child = world.start()
  child.stdin?.end('input')
  await asked.promise
  for (let i = 0; i < 5; i++) {
    await inState(child.pid ?? 0, 'S')
    child.kill('SIGSTOP')
    await inState(child.pid ?? 0, 'T')
    child.kill('SIGCONT')
  }
  answerNow.resolve()
  assert.deepEqual(await ended(child), { code: 0, signal: null, stdout: 'late' })
})

test('input that cannot be read is a failure, and the server sees no whole request', { skip }, async () => {
  await using world = new LauncherWorld().write()
  await world.serve(() => assert.fail('a whole request'))
  assert.deepEqual(await world.shell('exec "$0" </'), { code: 1, signal: null, stdout: 'unreadable' })
})

test('a program or script that is gone is said', { skip }, async () => {
  await using world = new LauncherWorld()
  for (const gone of [{ program: '/nowhere/node' }, { script: '/nowhere/main.ts' }])
    assert.deepEqual(await world.write(gone).run(), { code: 1, signal: null, stdout: 'missing' })
})

/** Resolves when the process sleeps (S) or is stopped (T): there is no event for it. */
async function inState(pid: number, state: string): Promise<void> {
  while (!readFileSync(`/proc/${pid}/stat`, 'latin1').includes(`) ${state} `))
    await new Promise((resolve) => setImmediate(resolve))
}

/** A socket that nobody listens at any more. */
async function leaveStale(path: string): Promise<void> {
  const listen = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  spawnSync(process.execPath, ['-e', listen])
  const probe = createConnection(path)
  const [error] = (await once(probe, 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
}
