import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checks } from './index.ts'
import { rows as machines } from './testing-levels/machines.ts'
import { rows as objects } from './testing-levels/objects.ts'
import { rows as requests } from './testing-levels/requests.ts'

const rows = [...objects, ...machines, ...requests]

// A level says how much it hurts, the other word how sure it is: who reads only one of them must not be misled.
for (const [code, level, sure, of] of rows)
  test(`${code}: ${level}, ${sure}`, () => {
    const found = checks.flatMap((check) => check.find(of))
    const all = found.filter((finding) => finding.code === code)
    assert.ok(
      all.some((one) => one.level === level && one.sure === sure),
      JSON.stringify({ verdict: of.request?.verdict, found }, null, 1),
    )
    for (const { evidence, number } of all) {
      assert.ok(evidence.length > 0)
      assert.ok(checks.some((check) => check.number === number && check.codes.includes(code)))
    }
  })

test('every finding that can be made has such a row', () => {
  const known = new Set(rows.map(([code]) => code))
  const codes = checks.flatMap((check) => check.codes)
  assert.deepEqual(
    codes.filter((code) => !known.has(code)),
    [],
  )
  assert.deepEqual(
    [...known].filter((code) => !codes.includes(code)),
    [],
  )
})
