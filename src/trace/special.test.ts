import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address, cidr } from '../base/address.ts'
import { oneMachine } from './special.ts'
import { cluster, told } from './testing/across.ts'

const { ranges } = told
const found = (text: string, more: Partial<typeof ranges> = {}): string =>
  oneMachine(cluster, { ...ranges, ...more }, address(text), 'http://web/')

test('0.0.0.0 is 127.0.0.1; what an object has stays, and so does what is nobody’s', () => {
  assert.equal(found('0.0.0.0'), '127.0.0.1')
  for (const text of ['127.0.0.2', '0.0.0.1', '223.255.255.255', '240.0.0.0', '255.255.255.254', '192.168.50.0'])
    assert.equal(found(text), text)
})

test('a broadcast address is refused, unless somebody has it or its range has none', () => {
  const say =
    '"http://web/" leads to 100.96.1.255, and that is the broadcast address of the pods of node1 (100.96.1.0/24): what is sent there is for many machines at once, and a trace follows one packet to one machine; write the address of one of them'
  assert.throws(() => found('100.96.1.255'), { code: 'ManyMachines', plain: say })
  assert.equal(found('10.0.0.1', { nodes: cidr('10.0.0.0/31') }), '10.0.0.1')
  assert.throws(() => found('10.0.0.3', { nodes: cidr('10.0.0.0/30') }), { code: 'ManyMachines' })
  const [pod] = cluster.pods
  const ends = { ...cluster, pods: pod ? [{ ...pod, status: { ...pod.status, podIP: '100.96.1.255' } }] : [] }
  assert.equal(oneMachine(ends, ranges, address('100.96.1.255'), 'x'), '100.96.1.255')
})
