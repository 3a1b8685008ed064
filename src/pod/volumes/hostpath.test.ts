import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { prepareHostPath } from './hostpath.ts'

const folder = mkdtempSync(join(tmpdir(), 'hostpath-'))
after(() => rmSync(folder, { recursive: true }))
const absent = join(folder, 'absent')

test('a path that is not there is told with what to do about it', () => {
  const rows: [string, RegExp][] = [
    ['', /: volume: \/\S+ does not exist on this machine: make it, or .* DirectoryOrCreate \(or FileOrCreate\)$/],
    ['Directory', /hostPath type check failed: \S+ does not exist .*: make it, or .* DirectoryOrCreate$/],
    ['File', /hostPath type check failed: \S+ does not exist .*: make it, or .* FileOrCreate$/],
    ['Socket', /hostPath type check failed: \S+ does not exist .*: start what makes it/],
  ]
  for (const [type, message] of rows)
    assert.throws(() => prepareHostPath(absent, type), { code: 'FailedMount', message }, type)
})

test('what is to be made is made, and what is there must be what was promised', () => {
  assert.equal(prepareHostPath(join(folder, 'a/b'), 'DirectoryOrCreate'), true)
  assert.equal(prepareHostPath(join(folder, 'file'), 'FileOrCreate'), false)
  assert.ok(statSync(join(folder, 'file')).isFile())
  assert.equal(prepareHostPath(join(folder, 'a'), ''), true)
  assert.throws(() => prepareHostPath(join(folder, 'a'), 'File'), { message: /is not a file$/ })
  assert.throws(() => prepareHostPath('a/../b', ''), { message: /must be absolute/ })
})
