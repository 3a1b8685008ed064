import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { diff } from '../../src/kernel/nftables/diff.ts'
import type { Expr } from '../../src/kernel/nftables/expr/index.ts'
import type { Packet } from '../../src/kernel/nftables/packet.ts'
import { packBe16, packU32 } from '../../src/kernel/nftables/packed.ts'
import type { Chain, Ruleset } from '../../src/kernel/nftables/ruleset.ts'
import type { SetSpec } from '../../src/kernel/nftables/set.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { walk } from '../../src/kernel/nftables/walk.ts'
import { localhost, sendUdp, withLoopback } from './loopback.ts'

const table = { family: 'ip', name: 'test' } as const
const packet: Packet = {
  source: localhost,
  destination: localhost,
  protocol: 17,
  sourcePort: 1000,
  destinationPort: 2000,
}

const key = fc.integer({ min: 1, max: 4 })
const rule: fc.Arbitrary<Expr[]> = fc.oneof(
  fc.record({ op: fc.constantFrom('add', 'update', 'delete'), key, data: key }).map(({ op, key, data }): Expr[] => [
    { kind: 'immediate', to: 0, value: packU32(key) },
    { kind: 'immediate', to: 1, value: packU32(data) },
    { kind: 'dynset', set: 'd', op, key: 0, data: 1 },
  ]),
  fc.record({ key, data: key }).map(({ key, data }): Expr[] => [
    { kind: 'immediate', to: 0, value: packU32(key) },
    { kind: 'lookup', set: 'd', from: 0, to: 0 },
    { kind: 'cmp', from: 0, op: 'neq', value: packU32(data) },
  ]),
)
const filter = (size: number, rules: Expr[][]): Ruleset => {
  const spec: SetSpec = { name: 'd', key: ['mark'], data: ['mark'], dynamic: true, timeout: 3_600_000n, size }
  const chain: Chain = {
    name: 'out',
    hook: { type: 'filter', hook: 'output', priority: 0, policy: 'accept' },
    rules: rules.map((exprs) => ({
      exprs: [
        { kind: 'payload', base: 'transport', offset: 2, length: 2, to: 0 },
        { kind: 'cmp', from: 0, op: 'eq', value: packBe16(packet.destinationPort) },
        ...exprs,
        { kind: 'counter', packets: 0n, bytes: 0n },
      ],
    })),
  }
  return { table, chains: new Map([['out', chain]]), sets: new Map([['d', { spec, elements: new Map() }]]) }
}

test('what rules change in sets is what they change in the kernel, and the same rules match', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.array(rule, { minLength: 1, maxLength: 12 }),
      async (size, rules) => {
        using ns = withLoopback()
        using nftables = openNftables(ns)
        const wanted = filter(size, rules)
        nftables.apply(diff(undefined, wanted))
        await sendUdp(ns, packet.destinationPort)
        const kernel = nftables.read(table) ?? assert.fail()
        const { steps, learned } = walk(wanted, 'output', packet)
        const counted = kernel.chains.get('out')?.rules.flatMap(({ exprs }, index) => {
          const last = exprs.at(-1)
          return last?.kind === 'counter' && last.packets > 0n ? [index] : []
        })
        assert.deepEqual(
          steps.map(({ index }) => index),
          counted,
        )
        const held = new Map<string, unknown>()
        for (const { op, key, data } of learned)
          if (op === 'delete') held.delete(key)
          else held.set(key, data)
        assert.deepEqual(kernel.sets.get('d')?.elements, held)
      },
    ),
    { numRuns: 60 },
  )
})
