import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { mistakes } from './diagnosis.ts'

test('docs/doctor.md and the checks tell the same: numbers, titles, what is needed, what is found', () => {
  const text = readFileSync(new URL('../../docs/doctor.md', import.meta.url), 'utf8')
  const rows = text
    .split('\n')
    .filter((line) => /^\| \d+ \|/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))
  assert.deepEqual(
    rows.map(([, number, title]) => `${number} ${title}`),
    mistakes.map(({ number, title }) => `${number} ${title}`),
  )
  for (const [at, { parts }] of mistakes.entries()) {
    const [, number = '', , needs = '', , codes = ''] = rows[at] ?? []
    const known = [...new Set(parts.flatMap((part) => part.codes))]
    assert.deepEqual(codes.match(/\w+/g) ?? [], known, number)
    // What a check cannot do without is among what its row says; rows say, too, what more a check can use.
    const words = { objects: 'objects', machines: 'kernels', request: 'request' }
    for (const part of parts) assert.ok(needs.split(', ').includes(words[part.needs]), `${number}: ${part.needs}`)
  }
})
