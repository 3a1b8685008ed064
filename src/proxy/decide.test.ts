import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { allServices, allSlices, features } from '../../test/rows/features.ts'
import { noZone } from '../../test/rows/hints.ts'
import { masqueradeAll } from '../../test/rows/masquerade.ts'
import { everyAddress } from '../../test/rows/node-port.ts'
import { questionOf, type Row, titleOf } from '../../test/rows/row.ts'
import { node, services, slices } from '../../test/rows/services.ts'
import { keyOf } from '../api/client/client.ts'
import { address } from '../base/address.ts'
import { diff } from '../kernel/nftables/diff.ts'
import { type Packed, packAddress } from '../kernel/nftables/packed.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { decide, decisions } from './decide.ts'
import { flowOf } from './layout/keys.ts'
import { listKey, listOf } from './layout/numbers.ts'
import { model } from './model.ts'

const ruleset = model(services, slices, node)

/** All endpoints that a row may lead to, or its refusal. */
function answers(ruleset: Ruleset, row: Row): unknown {
  const all = decisions(ruleset, questionOf(row))
  for (const { masquerade } of all) assert.equal(masquerade, row.masquerade)
  return all.map(({ action }) => (action.is === 'endpoint' ? `${action.address}:${action.port}` : action.is)).toSorted()
}

function check(ruleset: Ruleset, row: Row): void {
  const { expect } = row
  assert.deepEqual(answers(ruleset, row), typeof expect === 'string' ? [expect] : expect.toSorted())
}

test('every service of the rows has a name and a cluster IP of its own, but for those that are to be in doubt', () => {
  const keys = allServices.map(keyOf)
  assert.deepEqual(
    keys.filter((key, at) => keys.indexOf(key) !== at),
    [],
  )
  const addresses = allServices.map(({ spec }) => spec.clusterIP).filter((at) => at !== '' && at !== 'None')
  assert.deepEqual(
    addresses.filter((at, i) => addresses.indexOf(at) !== i),
    ['100.64.14.28'],
  )
})

const everything = model(allServices, allSlices, node)

test('a new agent that finds all these rules has nothing to do', () => {
  assert.deepEqual(diff(everything, model(allServices, allSlices, node, everything)).ops, [])
})

for (const [feature, { rows }] of Object.entries(features))
  suite(feature, () => {
    for (const row of rows) test(titleOf(row), () => check(everything, row))
  })

suite('masqueradeAll', () => {
  const ruleset = model(allServices, allSlices, { ...node, masqueradeAll: true })
  for (const row of masqueradeAll) test(titleOf(row), () => check(ruleset, row))
})

suite('node ports at every address of the node', () => {
  const ruleset = model(allServices, allSlices, { ...node, nodePortAddresses: node.addresses })
  for (const row of everyAddress) test(titleOf(row), () => check(ruleset, row))
})

suite('a node in no zone', () => {
  const { zone: _, ...homeless } = node
  const ruleset = model(allServices, allSlices, homeless)
  for (const row of noZone) test(titleOf(row), () => check(ruleset, row))
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
