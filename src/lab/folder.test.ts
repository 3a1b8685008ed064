import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseLab } from './choose.ts'
import { removeLab } from './stop.ts'

test('a lab of another user is neither used nor ended, and it is said whose it is', async (t) => {
  // Root is kept out of nothing: somebody else looks. A folder of root's is everywhere in /proc, whoever runs the test.
  const uid = process.geteuid?.() ?? 0
  const { KUBEHOP_STATE: before = '' } = process.env
  if (uid === 0) process.seteuid?.(65534)
  process.env['KUBEHOP_STATE'] = '/proc'
  t.after(() => {
    process.seteuid?.(uid)
    process.env['KUBEHOP_STATE'] = before
  })
  const theirs = {
    code: 'OtherUser',
    message: /lab "sys" in \/proc belongs to another user \(uid \d+\).*KUBEHOP_STATE/,
  }
  assert.throws(() => chooseLab('sys'), theirs)
  await assert.rejects(removeLab('sys'), theirs)
})
