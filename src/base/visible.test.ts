import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allVisible, visible } from './visible.ts'

test('what a terminal would obey is shown as a question mark, and everything else as it is', () => {
  const rows: [string, string][] = [
    ['plain, the pod’s, 名前\tand\nlines', 'plain, the pod’s, 名前\tand\nlines'],
    ['\x1b[31mred\x1b[0m', '?[31mred?[0m'],
    ['\x1b]0;title\x07', '?]0;title?'],
    ['one\rtwo\b\x7f', 'one?two??'],
    ['\u009b31m\u0085', '?31m?'],
    ['a\u202eb\u2066c', 'a?b?c'],
  ]
  for (const [text, shown] of rows) assert.equal(visible(text), shown)
})

test('in data, every text is', () => {
  const data = { a: ['\x1b', 1, null, { '\x07': '\x9b' }], b: true, c: undefined }
  assert.deepEqual(allVisible(data), { a: ['?', 1, null, { '?': '?' }], b: true, c: undefined })
})
