import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Node } from '../../api/objects/node.ts'
import { cidr, contains, overlaps, parseCidr } from '../../base/address.ts'
import { object } from '../testing.ts'
import { giveRanges, poolOf } from './ranges.ts'

const node = (name: string, podCIDR?: string, creationTimestamp = '2026-01-01T00:00:00Z'): Node =>
  object('Node', name, {
    metadata: { creationTimestamp },
    spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
  })

/** `node1=100.96.1.0/24`, or the reason of the event. */
const given = (nodes: Node[], pool = poolOf(cidr('100.96.0.0/11'), 24)): string[] =>
  giveRanges(nodes, pool).actions.map((action) => {
    if (action.do === 'tell') return `${action.about.name} ${action.reason}`
    assert.equal(action.do, 'patch')
    const { spec } = (action as { patch: { spec: { podCIDR: string; podCIDRs: string[] } } }).patch
    assert.deepEqual(spec.podCIDRs, [spec.podCIDR])
    return `${(action as { name: string }).name}=${spec.podCIDR}`
  })

test('each node without a range gets the lowest free one, the oldest node first', () => {
  const late = '2026-01-01T00:00:05Z'
  const rows: [string, Node[], string[]][] = [
    ['the first range is left free', [node('a')], ['a=100.96.1.0/24']],
    ['of the same second: by number', [node('node10'), node('node2')], ['node2=100.96.1.0/24', 'node10=100.96.2.0/24']],
    ['age decides, not the name', [node('a', undefined, late), node('b')], ['b=100.96.1.0/24', 'a=100.96.2.0/24']],
    [
      'what stands is honoured',
      [node('a', '100.96.1.0/24'), node('b', '100.96.3.0/24'), node('c'), node('d')],
      ['c=100.96.2.0/24', 'd=100.96.4.0/24'],
    ],
    ['a range of another size too', [node('a', '100.96.0.0/22'), node('b')], ['b=100.96.4.0/24']],
    ['a part of a range too', [node('a', '100.96.1.128/25'), node('b')], ['b=100.96.2.0/24']],
    ['a range elsewhere is no concern', [node('a', '10.0.0.0/24'), node('b')], ['b=100.96.1.0/24']],
    ['all have one', [node('a', '100.96.1.0/24')], []],
  ]
  for (const [what, nodes, expected] of rows) assert.deepEqual(given(nodes), expected, what)
})

test('the first range comes last, and then nodes are told that there is none', () => {
  const pool = poolOf(cidr('10.0.0.0/22'), 24)
  assert.deepEqual(given([node('a'), node('b'), node('c'), node('d'), node('e')], pool), [
    'a=10.0.1.0/24',
    'b=10.0.2.0/24',
    'c=10.0.3.0/24',
    'd=10.0.0.0/24',
    'e CIDRNotAvailable',
  ])
  assert.deepEqual(given([node('only')], poolOf(cidr('10.0.0.0/24'), 24)), ['only=10.0.0.0/24'])
  assert.deepEqual(given([node('a', '10.0.0.0/8'), node('b')], pool), ['b CIDRNotAvailable'])
})

test('a node on its way out gets nothing, but keeps what it has', () => {
  const leaving = (one: Node): Node => ({
    ...one,
    metadata: { ...one.metadata, deletionTimestamp: '2026-01-01T00:01:00Z' },
  })
  assert.deepEqual(given([leaving(node('a')), leaving(node('b', '100.96.1.0/24')), node('c')]), ['c=100.96.2.0/24'])
})

test('a range that cannot be cut so is refused', () => {
  assert.throws(() => poolOf(cidr('100.96.0.0/24'), 16), /cannot be cut into ranges of \/16/)
  assert.throws(() => poolOf(cidr('100.96.0.0/24'), 31), RangeError)
})

test('no two nodes ever share an address, in both families', () => {
  const standing = fc.array(fc.tuple(fc.nat(15), fc.integer({ min: 22, max: 26 })), { maxLength: 6 })
  fc.assert(
    fc.property(fc.boolean(), standing, fc.integer({ min: 1, max: 20 }), (v6, ranges, fresh) => {
      const pool = v6 ? poolOf(cidr('fd00::/60'), 64) : poolOf(cidr('10.1.0.0/20'), 24)
      const texts = ranges.map(([at, prefix]) =>
        v6 ? `fd00:0:0:${at.toString(16)}::/64` : `10.1.${at - (at % 4)}.0/${prefix}`,
      )
      const old = texts.map((range, at) => node(`old${at}`, range))
      const nodes = [...old, ...Array.from({ length: fresh }, (_, at) => node(`new${at}`))]
      const made = given(nodes, pool)
        .filter((line) => line.includes('='))
        .map((line) => parseCidr(line.split('=')[1] ?? ''))
      for (const [at, range] of made.entries()) {
        assert.ok(range && contains(pool.whole, range.address))
        for (const other of [...texts.map((text) => cidr(text)), ...made.slice(0, at)])
          assert.ok(other && !overlaps(range, other), JSON.stringify([range, other]))
      }
    }),
  )
})
