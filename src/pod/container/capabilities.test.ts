import assert from 'node:assert/strict'
import { test } from 'node:test'
import { capabilitiesOf } from './capabilities.ts'

const usual =
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'
const everything = [...usual.split(' '), 'NET_ADMIN', 'SYS_ADMIN']
const sorted = (context?: Record<string, unknown>, held = everything): string =>
  [...capabilitiesOf(context, held)].sort().join(' ')

test('a container that asks for nothing gets what container runtimes give', () => {
  assert.equal(sorted(), usual)
  assert.equal(sorted({}), sorted({ capabilities: {} }))
})

test('capabilities are added and dropped, ALL first', () => {
  assert.equal(sorted({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }), 'NET_BIND_SERVICE')
  assert.equal(sorted({ capabilities: { drop: ['all'] } }), '')
  assert.equal(sorted({ capabilities: { drop: ['ALL'], add: ['cap_net_admin'] } }), 'NET_ADMIN')
  assert.ok(!sorted({ capabilities: { add: ['ALL'], drop: ['SYS_ADMIN'] } }).includes('SYS_ADMIN'))
  assert.equal(sorted({ capabilities: { add: ['ALL'] } }), everything.toSorted().join(' '))
  assert.equal(sorted({ privileged: true }), everything.toSorted().join(' '))
})

test('what this process lacks itself is given to nobody, unless it is asked for by name', () => {
  const held = ['CHOWN', 'SYS_ADMIN']
  assert.equal(sorted({}, held), 'CHOWN')
  assert.equal(sorted({ privileged: true }, held), 'CHOWN SYS_ADMIN')
  assert.equal(sorted({ capabilities: { add: ['SYS_TIME'] } }, held), 'CHOWN SYS_TIME')
})

test('what is no capability is named', () => {
  for (const add of [['ROOT'], [7], 'NET_ADMIN', [null]])
    assert.throws(() => capabilitiesOf({ capabilities: { add } }), {
      code: 'CreateContainerConfigError',
      message: /is no capability/,
    })
})
