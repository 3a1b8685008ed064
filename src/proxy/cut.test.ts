import assert from 'node:assert/strict'
import { test } from 'node:test'
import { node, service, slice } from '../../test/rows/services.ts'
import type { Service } from '../api/objects/service.ts'
import { address } from '../base/address.ts'
import { diff } from '../kernel/nftables/diff.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { replay, type Transaction } from '../kernel/nftables/transaction.ts'
import { decide } from './decide.ts'
import { model } from './model.ts'

// An ordinary user's socket takes only so much at once: then a large transaction is cut, and packets meet what has been done so far.

const vip = '203.0.113.9'

function balanced(name: string, at: string, ranges: string[]): Service {
  return {
    ...service(name, '100.64.0.9', ['http:80'], { type: 'LoadBalancer', loadBalancerSourceRanges: ranges }),
    status: { loadBalancer: { ingress: [{ ip: at }] } },
  }
}

const endpoints = slice('web', ['100.96.2.2@node2'], ['http:8080'])
const other = service('other', '100.64.0.20', ['http:80'])
const from = (services: Service[]): Ruleset => model(services, [endpoints], node)

/** What the kernel holds after each step that the encoder does not tear apart. */
function* prefixes(before: Ruleset, { table, ops }: Transaction): Generator<Ruleset> {
  for (let end = 0; end <= ops.length; end++) {
    const rulesToCome = ops[end]?.op === 'add rule' && ops.slice(0, end).some(({ op }) => op === 'flush chain')
    const after = rulesToCome ? undefined : replay(before, { table, ops: ops.slice(0, end) })
    if (after) yield after
  }
}

const ask = (ruleset: Ruleset, who: string): ReturnType<typeof decide> =>
  decide(ruleset, { from: address(who), to: address(vip), port: 80, protocol: 'TCP' })

const changes: [string, Service[], Service[]][] = [
  ['a load balancer that comes', [other], [other, balanced('web', vip, ['10.1.0.0/16'])]],
  ['one that goes', [other, balanced('web', vip, ['10.1.0.0/16'])], [other]],
  [
    'a range of another length',
    [balanced('web', vip, ['10.1.0.0/16'])],
    [balanced('web', vip, ['10.1.0.0/16', '172.16.0.0/12'])],
  ],
]

for (const [say, before, after] of changes)
  test(`${say} never lets a stranger in, nor anybody without masquerade, however the change is cut`, () => {
    const [old, wanted] = [from(before), from(after)]
    let seen = 0
    for (const between of prefixes(old, diff(old, wanted))) {
      seen++
      assert.notEqual(ask(between, '192.0.2.7').action.is, 'endpoint')
      const friend = ask(between, '10.1.2.3')
      assert.ok(friend.action.is !== 'endpoint' || friend.masquerade)
    }
    assert.ok(seen > 1)
  })
