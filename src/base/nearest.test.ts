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
    ['web-7d4b9-xk2lp', ['web']],
    ['zzz', []],
    ['', []],
  ]
  for (const [wanted, expected] of rows) assert.deepEqual(nearest(wanted, names), expected, wanted)
})

test('fields are found by typing mistakes, not by luck', () => {
  const known = ['replicas', 'selector', 'strategy', 'template', 'image', 'imagePullPolicy']
  const rows: [string, string[]][] = [
    ['replica', ['replicas']],
    ['Selector', ['selector']],
    ['imgae', ['image']],
    ['imagePullpolicy', ['imagePullPolicy', 'image']],
    ['volumes', []],
    ['y', []],
  ]
  for (const [wanted, expected] of rows) assert.deepEqual(nearest(wanted, known), expected, wanted)
})

test('at most three are named, each once, and those equally near by name', () => {
  assert.deepEqual(nearest('web', ['web-4', 'web-2', 'web-2', 'web-3', 'web-1']), ['web-1', 'web-2', 'web-3'])
})

test('the question names them all, or is not asked', () => {
  assert.equal(didYouMean('wbe', ['web']), 'did you mean web?')
  assert.equal(didYouMean('web', ['web-1', 'web-2']), 'did you mean web-1 or web-2?')
  assert.equal(didYouMean('x', ['web']), '')
})
