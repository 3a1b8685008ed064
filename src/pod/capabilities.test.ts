import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capabilitiesOf } from './capabilities.ts'

const sorted = (context?: Record<string, unknown>): string => [...capabilitiesOf(context)].sort().join(' ')

test('a container that asks for nothing gets what container runtimes give', () => {
  assert.equal(capabilitiesOf().size, 14)
  assert.ok(!capabilitiesOf().has('SYS_ADMIN') && !capabilitiesOf().has('NET_ADMIN'))
  assert.equal(sorted({}), sorted({ capabilities: {} }))
})

test('capabilities are added and dropped, ALL first', () => {
  assert.equal(sorted({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }), 'NET_BIND_SERVICE')
  assert.equal(sorted({ capabilities: { drop: ['all'] } }), '')
  assert.ok(capabilitiesOf({ capabilities: { add: ['cap_net_admin'] } }).has('NET_ADMIN'))
  assert.ok(!capabilitiesOf({ capabilities: { add: ['ALL'], drop: ['SYS_ADMIN'] } }).has('SYS_ADMIN'))
  assert.equal(capabilitiesOf({ capabilities: { add: ['ALL'] } }).size, 41)
  assert.equal(capabilitiesOf({ privileged: true }).size, 41)
})

test('what is no capability is named', () => {
  for (const add of [['ROOT'], [7], 'NET_ADMIN', [null]])
    assert.throws(() => capabilitiesOf({ capabilities: { add } }), {
      code: 'CreateContainerConfigError',
      message: /is no capability/,
    })
})
