import assert from 'node:assert/strict'
import { test } from 'node:test'
import { resolvConfLines } from './resolv-conf.ts'

test('a resolv.conf is lines of words, without what is only for people', () => {
  const text =
    '# by hand\n;search x\n\n  search\ta.example  b.example \r\nnameserver\nnameserver 9.9.9.9\n options ndots:5'
  assert.deepEqual(resolvConfLines(text), [
    ['search', 'a.example', 'b.example'],
    ['nameserver'],
    ['nameserver', '9.9.9.9'],
    ['options', 'ndots:5'],
  ])
  assert.deepEqual(resolvConfLines(''), [])
})
