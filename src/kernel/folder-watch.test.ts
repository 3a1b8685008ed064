import assert from 'node:assert/strict'
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { openFolderWatch } from './folder-watch.ts'

test('what came, was written and went in a folder is told in order, and once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'watch-'))
  using watch = openFolderWatch()
  const id = watch.add(folder)
  assert.equal(watch.add(folder), id)
  assert.deepEqual(watch.changes(), { changes: [], ended: [], lost: false })
  writeFileSync(join(folder, '.new'), 'x')
  linkSync(join(folder, '.new'), join(folder, 'a'))
  unlinkSync(join(folder, '.new'))
  renameSync(join(folder, 'a'), join(folder, 'b'))
  const said = watch.changes().changes.map(({ folder: of, name, there }) => `${of === id} ${name} ${there}`)
  assert.deepEqual(said, [
    'true .new true',
    'true .new true',
    'true a true',
    'true .new false',
    'true a false',
    'true b true',
  ])
  assert.deepEqual(watch.changes().changes, [])
  rmSync(folder, { recursive: true })
})

test('a folder that was removed or moved away is not watched any more', () => {
  const folder = mkdtempSync(join(tmpdir(), 'watch-'))
  using watch = openFolderWatch()
  const [gone, moved] = [join(folder, 'gone'), join(folder, 'moved')]
  for (const path of [gone, moved]) mkdirSync(path)
  const ids = [watch.add(gone), watch.add(moved)]
  rmSync(gone, { recursive: true })
  renameSync(moved, join(folder, 'elsewhere'))
  const first = watch.changes()
  const ended = [...first.ended, ...watch.changes().ended]
  assert.deepEqual(ended.toSorted(), ids.toSorted())
  writeFileSync(join(folder, 'elsewhere', 'x'), '')
  assert.deepEqual(watch.changes(), { changes: [], ended: [], lost: false })
  watch.remove(ids[0] ?? -1)
  rmSync(folder, { recursive: true })
})

test('what is no folder cannot be watched, and it is said which', () => {
  using watch = openFolderWatch()
  assert.throws(() => watch.add('/nowhere'), { code: 'ENOENT', message: /\/nowhere/ })
  assert.throws(() => watch.add(process.execPath), { code: 'ENOTDIR' })
})
