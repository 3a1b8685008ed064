import assert from 'node:assert/strict'
import { test } from 'node:test'
import { node, service, slice } from '../../test/rows/services.ts'
import { packAddress } from '../kernel/nftables/packed.ts'
import { address } from '../base/address.ts'
import { endpointValue } from './layout/keys.ts'
import { portionOf } from './portion.ts'

test('what is wrong is told once, and no more of it than people read', () => {
  const ports = Array.from({ length: 50 }, (_, i) => `p${i}:${i + 1}`)
  const wrong = Array.from({ length: 500 }, (_, i) => `240.0.${i >> 8}.${i & 255}@node1`)
  const { problems } = portionOf(service('web', '100.64.0.20', ports), [slice('web', wrong, ports)], node)
  assert.equal(problems.length, 11)
  assert.equal(problems.at(-1)?.say, 'and 490 more like these')
})

test('of UDP it is known who still serves, picked or not', () => {
  const value = (text: string): string => endpointValue(packAddress(address(text)), 5353)
  const leaving = {
    addresses: ['100.96.1.4'],
    conditions: { ready: false, serving: true, terminating: true },
    nodeName: 'node1',
  }
  const slices = [slice('web', ['100.96.1.3@node1', leaving], ['dns:5353/UDP', 'http:8080'])]
  const { portion } = portionOf(service('web', '100.64.0.20', ['dns:53/UDP', 'http:80']), slices, node)
  assert.deepEqual(portion?.ports[0]?.cluster, [value('100.96.1.3')])
  assert.deepEqual(portion?.ports[0]?.serving, [value('100.96.1.3'), value('100.96.1.4')])
  assert.deepEqual(portion?.ports[1]?.serving, [])
})
