import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { packAddress } from '../kernel/nftables/packed.ts'
import { address, nth, cidr } from '../base/address.ts'
import { type Claimant, Claims, flowIn } from './claims.ts'
import { flowOf } from './layout/keys.ts'
import type { FlowPortion } from './portion.ts'

const flow = flowOf(packAddress(address('100.64.0.9')), 'TCP', 80)
const kinds = ['clusterIP', 'loadBalancer', 'nodePort', 'externalIP'] as const

function claimant(kind: FlowPortion['kind'], since: string, key: string): Claimant {
  return { service: { key, since }, flows: [{ flow, kind, scope: 'cluster' }] }
}

test('whoever has the best right has the address, in whatever order thousands come and go', () => {
  const one = fc.tuple(fc.constantFrom(...kinds), fc.integer({ min: 1, max: 9 }), fc.boolean())
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 60 }), (all) => {
      const claims = new Claims()
      const there = new Map<Claimant, string>()
      const claimants: Claimant[] = []
      for (const [i, [kind, day, goes]] of all.entries()) {
        const each = claimant(kind, `2026-01-0${day}T00:00:00Z`, `shop/${i}`)
        const before = claims.holder(flow)
        const changed = claims.add(flow, each)
        assert.equal(changed, claims.holder(flow) === before ? undefined : before)
        claimants.push(each)
        there.set(each, `${kinds.indexOf(kind)} ${day} ${each.service.key}`)
        const leaves = goes ? claimants[i >> 1] : undefined
        if (!leaves || !there.delete(leaves)) continue
        const held = claims.holder(flow) === leaves
        assert.equal(claims.withdraw(flow, leaves), held ? claims.holder(flow) : undefined)
      }
      const byRight = [...there].sort(([, a], [, b]) => (a < b ? -1 : 1)).map(([each]) => each)
      assert.deepEqual(claims.all(flow), byRight)
      assert.equal(claims.holder(flow), byRight[0])
    }),
  )
  const claims = new Claims()
  const many = Array.from({ length: 5000 }, (_, i) =>
    claimant('externalIP', '2026-01-01T00:00:00Z', `shop/${(i * 7919) % 5000}`),
  )
  for (const each of many) claims.add(flow, each)
  const names = claims.all(flow).map(({ service }) => service.key)
  assert.deepEqual(names, names.toSorted())
})

test('of a port with thousands of addresses each is found', () => {
  const range = cidr('198.18.0.0/15')
  const flows = Array.from({ length: 5000 }, (_, i): FlowPortion => {
    const own = flowOf(packAddress(address(nth(range, i))), 'TCP', 80)
    return { flow: own, kind: 'externalIP', scope: i % 2 === 0 ? 'cluster' : 'local' }
  })
  const port = { flows }
  for (const each of flows) assert.equal(flowIn(port, each.flow), each)
  assert.equal(flowIn(port, flow), undefined)
})
