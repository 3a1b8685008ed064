import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { close, declare } from './libc.ts'
import { readableOnce, watchedCount, whenReadable } from './reactor.ts'

const pidfdOpen = declare<[number, string, number, string, number]>('long syscall(long, ...)')
const eventfd = declare<[number, number]>('int eventfd(unsigned int, int)')
const dup2 = declare<[number, number]>('int dup2(int, int)')

test('a pidfd becomes readable when its process ends, and nothing stays watched', async () => {
  const child = spawn('sleep', ['0.05'])
  const fd = pidfdOpen('pidfd_open', 434, 'long', child.pid ?? 0, 'long', 0)
  await readableOnce(fd)
  close('close', fd)
  assert.equal(watchedCount(), 0)
})

test('every descriptor that is readable is told of, however many there are, and again until it is read', async () => {
  const told = new Map<number, number>()
  const fds = Array.from({ length: 200 }, () => eventfd('eventfd', 1, 0))
  const stops = fds.map((fd) => whenReadable(fd, () => told.set(fd, (told.get(fd) ?? 0) + 1)))
  while (fds.some((fd) => (told.get(fd) ?? 0) < 2)) await new Promise(setImmediate)
  for (const stop of stops) stop()
  for (const fd of fds) close('close', fd)
  assert.equal(watchedCount(), 0)
})

test('a descriptor that takes over the number of one that was readable is not told of what that one had', async () => {
  const [one, other] = [eventfd('eventfd', 1, 0), eventfd('eventfd', 1, 0)]
  const stops = new Map<number, () => void>()
  const wrong: number[] = []
  const replace = (fd: number): void => {
    for (const stop of stops.values()) stop()
    // Both were told of in one go; the other one's number now means something that has nothing to read.
    const next = fd === one ? other : one
    const empty = eventfd('eventfd', 0, 0)
    dup2('dup2', empty, next)
    close('close', empty)
    stops.set(
      next,
      whenReadable(next, () => wrong.push(next)),
    )
  }
  for (const fd of [one, other])
    stops.set(
      fd,
      whenReadable(fd, () => replace(fd)),
    )
  while (watchedCount() === 2) await new Promise(setImmediate)
  for (let i = 0; i < 3; i++) await new Promise(setImmediate)
  assert.deepEqual(wrong, [])
  for (const stop of stops.values()) stop()
  for (const fd of [one, other]) close('close', fd)
})

test('promises that a callback fulfils go on at once', async () => {
  const fd = eventfd('eventfd', 1, 0)
  const order: string[] = []
  await new Promise<void>((resolve) => {
    const stop = whenReadable(fd, () => {
      stop()
      void Promise.resolve().then(() => order.push('promise'))
      setImmediate(() => {
        order.push('next turn')
        resolve()
      })
    })
  })
  close('close', fd)
  assert.deepEqual(order, ['promise', 'next turn'])
})

const watching = `
  import { whenReadable } from ${JSON.stringify(new URL('./reactor.ts', import.meta.url).href)}
  import { declare } from ${JSON.stringify(new URL('./libc.ts', import.meta.url).href)}
  const stop = whenReadable(declare('int eventfd(unsigned int, int)')('eventfd', 0, 0), () => {})
`
for (const [how, script, status] of [
  ['leave', 'setTimeout(() => process.exit(7), 20)', 7],
  [
    'leave although a listener for that throws',
    "process.prependListener('exit', () => { throw new Error() }).exit(7)",
    7,
  ],
  ['fail', 'setTimeout(() => { throw new Error() }, 20)', 1],
  ['end by itself once it watches nothing', 'setTimeout(stop, 20)', 0],
] as const) {
  test(`a process that watches something can ${how}`, () => {
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', watching + script], {
      timeout: 20_000,
      killSignal: 'SIGKILL',
      encoding: 'utf8',
    })
    assert.equal(child.status, status, child.stderr)
  })
}

test('a process stays alive while it watches something', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', `${watching} console.log('watching')`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  // Long enough for a loop without work to end: the loop itself says when it turned.
  for (let i = 0; i < 100; i++) await new Promise(setImmediate)
  assert.equal(child.exitCode, null)
  child.kill('SIGKILL')
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGKILL'])
})
