import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ImageStore } from '../../src/image/store.ts'
import { View } from '../../src/image/view.ts'

test('the image that is made on the spot can be loaded, and has what its script needs', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-make-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const archive = join(folder, 'greeter.tar')
  execFileSync(process.execPath, [join(import.meta.dirname, 'make.ts'), archive])
  const store = new ImageStore(join(folder, 'store'))
  const [image] = await store.load(archive)
  assert.ok(image)
  assert.deepEqual(image.names, ['docker.io/library/greeter:v1'])
  assert.deepEqual(store.configOf(image).entrypoint, ['/usr/local/bin/greet'])
  const view = new View(store.lowerdirs(image).toReversed())
  assert.deepEqual(view.names('bin'), ['cat', 'id', 'sh', 'sleep'])
  assert.equal((view.stat('usr/local/bin/greet')?.mode ?? 0) & 0o777, 0o755)
})
