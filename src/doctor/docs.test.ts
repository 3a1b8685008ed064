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
    // What it cannot do without, and then what more it can use.
    const words = { objects: 'objects', machines: 'kernels', request: 'request' }
    const wanted = [...parts.map((part) => part.needs), ...parts.flatMap((part) => part.uses ?? [])]
    assert.deepEqual(needs.split(', '), [...new Set(wanted.map((one) => words[one]))], number)
  }
})
