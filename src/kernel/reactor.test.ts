import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { close, declare } from './libc.ts'
import { readableOnce, watchedCount } from './reactor.ts'

const pidfdOpen = declare<[number, string, number, string, number]>('long syscall(long, ...)')

test('a pidfd becomes readable when its process ends, and nothing stays watched', async () => {
  const child = spawn('sleep', ['0.05'])
  const fd = pidfdOpen('pidfd_open', 434, 'long', child.pid ?? 0, 'long', 0)
  await readableOnce(fd)
  close('close', fd)
  assert.equal(watchedCount(), 0)
})

test('a process that still watches something can exit', () => {
  const script = `
    import { whenReadable } from ${JSON.stringify(new URL('./reactor.ts', import.meta.url).href)}
    import { declare } from ${JSON.stringify(new URL('./libc.ts', import.meta.url).href)}
    whenReadable(declare('int eventfd(unsigned int, int)')('eventfd', 0, 0), () => {})
    setTimeout(() => process.exit(7), 20)`
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 5000, encoding: 'utf8' })
  assert.equal(child.status, 7, child.stderr)
})
