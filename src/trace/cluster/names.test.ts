import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { cluster as plain } from '../testing/across.ts'
import { nameOf, podName } from './names.ts'

const outside = address('198.51.100.2')
const cluster = { ...plain, outside: { address: outside } }

test('whoever has an address is named by kind, pods without the namespace of who asks', () => {
  const rows: [string, string, string | undefined][] = [
    ['shop/client', '100.96.2.2', 'pod far'],
    ['other/client', '100.96.2.2', 'pod shop/far'],
    ['node1', '100.96.2.2', 'pod shop/far'],
    ['shop/client', '100.64.0.20', 'service shop/web'],
    ['shop/client', '192.168.50.12', 'node2'],
    ['shop/client', '100.96.2.1', 'node2'],
    ['shop/client', '192.168.50.1', 'router'],
    ['shop/client', outside, 'outside'],
    ['shop/client', '192.0.2.1', undefined],
  ]
  for (const [source, of, name] of rows)
    assert.equal(nameOf({ cluster, source }, address(of)), name, `${of} for ${source}`)
  assert.equal(podName({ source: 'shop/client' }, 'shop/client'), 'client')
})
