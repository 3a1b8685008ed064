import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readableOnce } from './reactor.ts'
import { acceptUnix, hasHungUp, listenUnix } from './unix-peer.ts'
import { openInRoot } from './unix-peer-root.ts'

function inFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'unix-peer-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) }
}

test('a socket is for its own user alone, and tells who connected', async () => {
  using folder = inFolder()
  const path = join(folder.path, 's')
  const listening = listenUnix(path)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.equal(acceptUnix(listening), undefined)
  const connect = `require('net').connect(${JSON.stringify(path)}).on('data', () => process.exit())`
  const child = spawn(process.execPath, ['-e', connect])
  await readableOnce(listening)
  const peer = acceptUnix(listening) ?? assert.fail()
  assert.deepEqual([peer.pid, peer.uid], [child.pid, process.getuid?.()])
  assert.equal(hasHungUp(peer.fd), false)
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(hasHungUp(peer.fd), true)
  closeSync(peer.fd)
  closeSync(listening)
})

test('who has said something before hanging up can still be heard', async () => {
  using folder = inFolder()
  const path = join(folder.path, 's')
  const listening = listenUnix(path)
  createConnection(path).end('x')
  await readableOnce(listening)
  const { fd } = acceptUnix(listening) ?? assert.fail()
  assert.equal(hasHungUp(fd), false)
  assert.equal(readSync(fd, Buffer.alloc(2)), 1)
  assert.equal(hasHungUp(fd), true)
  closeSync(fd)
  closeSync(listening)
})

test('who was killed before it read what it was told has hung up', async () => {
  using folder = inFolder()
  const path = join(folder.path, 's')
  const listening = listenUnix(path)
  const child = spawn(process.execPath, [
    '-e',
    `require('net').connect(${JSON.stringify(path)}).pause()\nsetInterval(() => {}, 1e6)`,
  ])
  await readableOnce(listening)
  const { fd } = acceptUnix(listening) ?? assert.fail()
  // It stays until it is killed: with nothing to wait for it might end before this is written.
  writeSync(fd, 'hello')
  child.kill('SIGKILL')
  await once(child, 'exit')
  assert.equal(hasHungUp(fd), true)
  closeSync(fd)
  closeSync(listening)
})

test('a path that is taken, missing or too long is refused', () => {
  using folder = inFolder()
  const path = join(folder.path, 's')
  closeSync(listenUnix(path))
  assert.throws(() => listenUnix(path), { code: 'EADDRINUSE' })
  assert.throws(() => listenUnix(join(folder.path, 'gone', 's')), { code: 'ENOENT' })
  assert.throws(() => listenUnix(`/${'x'.repeat(107)}`), { code: 'ENAMETOOLONG' })
})

test('a path is opened as seen from another root: neither its links nor its dots lead out', () => {
  using folder = inFolder()
  mkdirSync(join(folder.path, 'run'))
  writeFileSync(join(folder.path, 'run', 'file'), 'inside')
  symlinkSync('/run', join(folder.path, 'var'))
  symlinkSync('../../../run/file', join(folder.path, 'run', 'up'))
  for (const path of ['/run/file', '/var/file', '/var/up', '/../run/file']) {
    const fd = openInRoot(folder.path, path)
    assert.equal(readFileSync(fd, 'utf8'), 'inside', path)
    closeSync(fd)
  }
  assert.throws(() => openInRoot(folder.path, '/etc/passwd'), { code: 'ENOENT' })
})
