import assert from 'node:assert/strict'
import { test } from 'node:test'
import { didYouMean, nearest } from './nearest.ts'

test('names that are nearly the same come first', () => {
  const names = ['web', 'api', 'store', 'web-admin', 'weather']
  const rows: [string, string[]][] = [
    ['wbe', ['web']],
    ['webb', ['web']],
    ['stroe', ['store']],
    ['storage', ['store']],
    ['web', ['web', 'web-admin']],
    ['zzz', []],
    ['', []],
  ]
  for (const [wanted, expected] of rows) assert.deepEqual(nearest(wanted, names), expected, wanted)
})

test('the question names them all, or is not asked', () => {
  assert.equal(didYouMean('wbe', ['web']), 'did you mean web?')
  assert.equal(didYouMean('web', ['web-1', 'web-2']), 'did you mean web-1 or web-2?')
  assert.equal(didYouMean('x', ['web']), '')
})
