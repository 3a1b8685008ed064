import assert from 'node:assert/strict'
import { test } from 'node:test'
import { takeSize } from './trace-size.ts'

test('--size stands alone, or with a number of bytes', () => {
  const rows: [string, true | number | undefined, string][] = [
    ['client web', undefined, 'client web'],
    ['client web --size', true, 'client web'],
    ['--size client web', true, 'client web'],
    ['--size 1400 client web', 1400, 'client web'],
    ['client --size=68 web -v', 68, 'client web -v'],
    ['client web --size 65535', 65_535, 'client web'],
  ]
  for (const [words, sizes, rest] of rows)
    assert.deepEqual(takeSize(words.split(' ')), { sizes, rest: rest.split(' ') }, words)
  for (const words of ['--size=', '--size=x', '--size 67', '--size=65536', '--size=1e3', '--size=0x100'])
    assert.throws(() => takeSize(words.split(' ')), /--size is a number of bytes from 68 to 65535/, words)
})
