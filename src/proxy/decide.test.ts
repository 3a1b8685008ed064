import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Row, rows, node, services, slices } from '../../test/rows/services.ts'
import { address } from '../base/address.ts'
import { type Packed, packAddress } from '../kernel/nftables/packed.ts'
import { decide, decisions, type Question } from './decide.ts'
import { flowOf } from './layout/keys.ts'
import { listKey, listOf } from './layout/numbers.ts'
import { model } from './model.ts'

const ruleset = model(services, slices, node)

function question(row: Row): Question {
  return {
    from: address(row.from),
    to: address(row.to),
    port: row.port,
    protocol: row.protocol ?? 'TCP',
    byNode: row.byNode ?? false,
  }
}

for (const row of rows)
  test(`${row.say}: ${row.from} -> ${row.to}:${row.port}`, () => {
    const all = decisions(ruleset, question(row))
    const endpoints = all.map(({ action }) =>
      action.is === 'endpoint' ? `${action.address}:${action.port}` : action.is,
    )
    assert.deepEqual(endpoints.sort(), typeof row.expect === 'string' ? [row.expect] : row.expect)
    for (const { masquerade } of all) assert.equal(masquerade, row.masquerade ?? false)
  })

test('a refusal of TCP is a reset, of everything else an ICMP message', () => {
  const ask = (protocol: 'TCP' | 'UDP' | 'SCTP'): unknown =>
    decide(ruleset, { from: address('100.96.1.2'), to: address('100.64.0.22'), port: 99, protocol }).action
  assert.deepEqual(ask('TCP'), { is: 'reject', with: 'tcp reset' })
  assert.deepEqual(ask('UDP'), { is: 'reject', with: 'icmp port unreachable' })
  assert.deepEqual(ask('SCTP'), { is: 'reject', with: 'icmp port unreachable' })
})

test('a decision tells which rules made it', () => {
  const { steps } = decide(ruleset, {
    from: address('100.96.1.2'),
    to: address('100.64.0.20'),
    port: 80,
    protocol: 'TCP',
  })
  assert.deepEqual(
    steps.map(({ chain, rule }) => `${chain}: ${rule.comment}`),
    [
      'nat-prerouting: to a service: pick one of its endpoints',
      'pick-3: one of 3 endpoints, at random',
      'filter-prerouting: not to a service',
    ],
  )
})

test('a packet that meets a ruleset in the middle of a change gets an endpoint all the same', () => {
  // It has read that there are three, and the third is gone.
  const changed = model(services, slices, node)
  const endpoints = new Map(changed.sets.get('endpoints')?.elements)
  const flow = flowOf(packAddress(address('100.64.0.20')), 'TCP', 80)
  const list = listOf(changed.sets.get('services')?.elements.get(flow) as Packed)
  assert.ok(endpoints.delete(listKey(list, 2)))
  const spec = changed.sets.get('endpoints')?.spec ?? assert.fail()
  const between = { ...changed, sets: new Map(changed.sets).set('endpoints', { spec, elements: endpoints }) }
  const { action } = decide(
    between,
    { from: address('100.96.1.2'), to: address('100.64.0.20'), port: 80, protocol: 'TCP' },
    (of) => of - 1,
  )
  assert.equal(action.is, 'endpoint')
})
