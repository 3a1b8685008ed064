import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { lockFolder, tryLockFolder, unlessTaken } from './lock.ts'

test('where a folder would have to be waited for, the body gives up, and the folder is named', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lock-'))
  const [a, b] = [join(folder, 'a'), join(folder, 'b')]
  const both = (): string => {
    using one = lockFolder(a, 0o700)
    using other = lockFolder(b, 0o700)
    return `${typeof one} ${typeof other}`
  }
  assert.deepEqual(unlessTaken(both), { done: 'object object' })
  const held = lockFolder(b, 0o700)
  assert.deepEqual(unlessTaken(both), { taken: b })
  const swallowed = unlessTaken(() => {
    try {
      return both()
    } catch {
      return 'an answer of its own'
    }
  })
  assert.deepEqual(swallowed, { taken: b })
  held[Symbol.dispose]()
  assert.deepEqual(unlessTaken(both), { done: 'object object' }, 'nothing was kept')
  assert.throws(() => unlessTaken(() => assert.fail('of the body')), { message: 'of the body' })
  tryLockFolder(a, 0o700)?.[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})
