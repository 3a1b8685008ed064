import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import type { Expr } from './expr/index.ts'
import type { Packet } from './packet.ts'
import { concat, type Packed, packAddress, packBe16, packBe32, packU32, packU8 } from './packed.ts'
import type { Chain, Datum, Ruleset } from './ruleset.ts'
import type { SetSpec } from './set.ts'
import { walk } from './walk.ts'

const packet: Packet = {
  source: address('10.0.0.1'),
  destination: address('10.0.0.2'),
  protocol: 6,
  sourcePort: 40_000,
  destinationPort: 80,
}

const accept: Expr = { kind: 'immediate', verdict: { verdict: 'accept' } }
const drop: Expr = { kind: 'immediate', verdict: { verdict: 'drop' } }
const jump = (chain: string): Expr => ({ kind: 'immediate', verdict: { verdict: 'jump', chain } })
const go = (chain: string): Expr => ({ kind: 'immediate', verdict: { verdict: 'goto', chain } })
const leave: Expr = { kind: 'immediate', verdict: { verdict: 'return' } }
const markIs = (value: number): Expr[] => [
  { kind: 'meta', key: 'mark', to: 0 },
  { kind: 'cmp', from: 0, op: 'eq', value: packU32(value) },
]

function input(priority: number, ...rules: Expr[][]): Chain {
  return {
    name: `input ${priority}`,
    hook: { type: 'filter', hook: 'input', priority, policy: 'accept' },
    rules: rules.map((exprs) => ({ exprs })),
  }
}

function ruleset(chains: readonly Chain[], sets: readonly [SetSpec, [Packed, Datum][]][] = []): Ruleset {
  return {
    table: { family: 'ip', name: 't' },
    chains: new Map(chains.map((chain) => [chain.name, chain])),
    sets: new Map(sets.map(([spec, elements]) => [spec.name, { spec, elements: new Map(elements) }])),
  }
}

const chain = (name: string, ...rules: Expr[][]): Chain => ({ name, rules: rules.map((exprs) => ({ exprs })) })

test('chains of a hook come in the order of their priorities, and accept goes on with the next', () => {
  const { fate, steps } = walk(ruleset([input(5, [drop]), input(-5, [accept], [drop])]), 'input', packet)
  assert.equal(fate, 'drop')
  assert.deepEqual(
    steps.map((step) => step.chain),
    ['input -5', 'input 5'],
  )
})

test('the policy decides where no rule did', () => {
  const base: Chain = { name: 'x', hook: { type: 'filter', hook: 'input', priority: 0, policy: 'drop' }, rules: [] }
  assert.equal(walk(ruleset([base]), 'input', packet).fate, 'drop')
  assert.equal(walk(ruleset([base]), 'forward', packet).fate, 'accept')
})

test('jump comes back, goto does not, return leaves', () => {
  const sub = chain('sub', [leave], [drop])
  assert.equal(walk(ruleset([sub, input(0, [jump('sub')], [drop])]), 'input', packet).fate, 'drop')
  assert.equal(walk(ruleset([sub, input(0, [go('sub')], [drop])]), 'input', packet).fate, 'accept')
  const loop = ruleset([chain('a', [jump('b')]), chain('b', [jump('a')]), input(0, [jump('a')])])
  assert.throws(() => walk(loop, 'input', packet), RangeError)
})

test('the mark is of the packet: what one rule sets, it and every later rule sees, whether it matched or not', () => {
  const set: Expr[] = [
    { kind: 'immediate', to: 3, value: packU32(7) },
    { kind: 'meta', key: 'mark', from: 3 },
    ...markIs(7),
    drop,
  ]
  assert.equal(walk(ruleset([input(0, set)]), 'input', packet).fate, 'drop')
  const missed = walk(ruleset([input(0, [...set.slice(0, 2), ...markIs(8)], [...markIs(7), leave])]), 'input', packet)
  assert.deepEqual([missed.steps.length, missed.packet.mark], [1, 7])
  assert.equal(walk(ruleset([input(0, [...markIs(9), drop])]), 'input', { ...packet, mark: 9 }).fate, 'drop')
})

test('look-ups hit, miss and are inverted', () => {
  const spec: SetSpec = { name: 's', key: ['ipv4_addr', 'inet_service'] }
  const key = concat(packAddress(packet.destination), packBe16(80))
  const load: Expr[] = [
    { kind: 'payload', base: 'network', offset: 16, length: 4, to: 2 },
    { kind: 'payload', base: 'transport', offset: 2, length: 2, to: 3 },
  ]
  const fate = (elements: [Packed, Datum][], inverted?: true): unknown => {
    const find: Expr = { kind: 'lookup', set: 's', from: 2, ...(inverted ? { inverted } : {}) }
    return walk(ruleset([input(0, [...load, find, drop])], [[spec, elements]]), 'input', packet).fate
  }
  assert.equal(fate([[key, null]]), 'drop')
  assert.equal(fate([]), 'accept')
  assert.equal(fate([[key, null]], true), 'accept')
  assert.equal(fate([], true), 'drop')
})

test('prefixes, protocols and connection state are compared as the kernel compares them', () => {
  const from = (prefix: number): Expr[] => [
    { kind: 'payload', base: 'network', offset: 12, length: 4, to: 0 },
    { kind: 'bitwise', from: 0, to: 0, mask: packBe32(0xff000000), xor: packBe32(0) },
    { kind: 'cmp', from: 0, op: 'eq', value: packBe32(prefix) },
    drop,
  ]
  assert.equal(walk(ruleset([input(0, from(0x0a000000))]), 'input', packet).fate, 'drop')
  assert.equal(walk(ruleset([input(0, from(0x0b000000))]), 'input', packet).fate, 'accept')
  const state: Expr[] = [
    { kind: 'ct', key: 'state', to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU32(2) },
    drop,
  ]
  assert.equal(walk(ruleset([input(0, state)]), 'input', { ...packet, state: 'established' }).fate, 'drop')
  assert.equal(walk(ruleset([input(0, state)]), 'input', packet).fate, 'accept')
})

test('a reset is for TCP only', () => {
  const rules = ruleset([input(0, [{ kind: 'reject', with: 'tcp reset', code: 0 }])])
  assert.deepEqual(walk(rules, 'input', packet).fate, { reject: 'tcp reset' })
  assert.equal(walk(rules, 'input', { ...packet, protocol: 17 }).fate, 'drop')
})

test('nat sees only the first packet, once, and the packet goes on translated', () => {
  const to = (port: number): Chain => ({
    name: `nat ${port}`,
    hook: { type: 'nat', hook: 'prerouting', priority: -100 + port, policy: 'accept' },
    rules: [
      {
        exprs: [
          { kind: 'immediate', to: 0, value: packAddress(address('10.9.9.9')) },
          { kind: 'immediate', to: 1, value: packBe16(port) },
          { kind: 'nat', type: 'dnat', family: 'ip', address: 0, port: 1, flags: [] },
        ],
      },
    ],
  })
  const rules = ruleset([to(1), to(2)])
  const { packet: after } = walk(rules, 'prerouting', packet)
  assert.deepEqual([after.destination, after.destinationPort], ['10.9.9.9', 1])
  assert.deepEqual(after.original, { destination: '10.0.0.2', destinationPort: 80 })
  assert.equal(walk(rules, 'prerouting', { ...packet, state: 'established' }).packet.destination, '10.0.0.2')
})

test('a rule that needs to know more counts as not matching, and says so', () => {
  const rules = ruleset([
    input(0, [{ kind: 'meta', key: 'iifname', to: 0 }, drop], [{ kind: 'meta', key: 'cpu', to: 0 }, drop]),
  ])
  const { fate, unknown } = walk(rules, 'input', packet)
  assert.equal(fate, 'accept')
  assert.deepEqual(unknown, ['input 0: meta iifname', 'input 0: meta cpu'])
  const named = { ...packet, iifname: 'eth0' }
  assert.equal(walk(rules, 'input', named).fate, 'drop')
})

test('protocols other than the expected are told apart', () => {
  const udp: Expr[] = [
    { kind: 'meta', key: 'l4proto', to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU8(17) },
    drop,
  ]
  assert.equal(walk(ruleset([input(0, udp)]), 'input', packet).fate, 'accept')
  assert.equal(walk(ruleset([input(0, udp)]), 'input', { ...packet, protocol: 17 }).fate, 'drop')
})

test('whether an address is of the node is known of the sender only, and from the hook output on', () => {
  const isLocal = (field: 'saddr' | 'daddr'): Expr[] => [
    { kind: 'fib', result: 'type', fields: [field], to: 0 },
    { kind: 'cmp', from: 0, op: 'eq', value: packU32(2) },
    drop,
  ]
  const hooks = ['prerouting', 'output', 'postrouting'] as const
  const bases = (exprs: Expr[]): Chain[] =>
    hooks.map((hook) => ({
      name: hook,
      hook: { type: 'filter', hook, priority: 0, policy: 'accept' },
      rules: hook === 'output' ? [] : [{ exprs }],
    }))
  const rules = ruleset(bases(isLocal('saddr')))
  assert.equal(walk(rules, 'postrouting', walk(rules, 'prerouting', packet).packet).fate, 'accept')
  assert.equal(walk(rules, 'postrouting', walk(rules, 'output', packet).packet).fate, 'drop')
  const { fate, unknown } = walk(ruleset(bases(isLocal('daddr'))), 'postrouting', packet)
  assert.deepEqual([fate, unknown], ['accept', ['postrouting: fib daddr type']])
})

const d: SetSpec = { name: 'd', key: ['mark'], data: ['mark'], dynamic: true, timeout: 60_000n, size: 2 }
const change = (op: 'add' | 'update' | 'delete', key: number, data = 0, timeout?: bigint): Expr[] => [
  { kind: 'immediate', to: 0, value: packU32(key) },
  { kind: 'immediate', to: 1, value: packU32(data) },
  { kind: 'dynset', set: 'd', op, key: 0, data: 1, ...(timeout === undefined ? {} : { timeout }) },
]
const dropIf = (key: number, data: number): Expr[] => [
  { kind: 'immediate', to: 0, value: packU32(key) },
  { kind: 'lookup', set: 'd', from: 0, to: 0 },
  { kind: 'cmp', from: 0, op: 'eq', value: packU32(data) },
  drop,
]

test('what a rule puts into a set is there for the rules behind it, and told', () => {
  const { fate, learned } = walk(ruleset([input(0, change('add', 1, 7), dropIf(1, 7))], [[d, []]]), 'input', packet)
  assert.equal(fate, 'drop')
  assert.deepEqual(learned, [{ set: 'd', op: 'add', key: packU32(1), data: packU32(7), timeout: 60_000n }])
})

test('an update of what is there renews its time, not its data, and the ruleset stays as it is', () => {
  const elements: [Packed, Datum][] = [[packU32(1), packU32(5)]]
  const rules = ruleset([input(0, change('add', 1, 6), change('update', 1, 7, 1000n), dropIf(1, 5))], [[d, elements]])
  const { fate, learned } = walk(rules, 'input', packet)
  assert.equal(fate, 'drop')
  assert.deepEqual(learned, [{ set: 'd', op: 'update', key: packU32(1), data: packU32(5), timeout: 1000n }])
  const anew = ruleset([input(0, change('delete', 1), change('update', 1, 7), dropIf(1, 7))], [[d, elements]])
  const after = walk(anew, 'input', packet)
  assert.equal(after.fate, 'drop')
  assert.deepEqual(
    after.learned.map(({ op, data }) => [op, data]),
    [
      ['delete', undefined],
      ['update', packU32(7)],
    ],
  )
  assert.deepEqual([...(anew.sets.get('d')?.elements ?? [])], elements)
})

test('a full set ends the rule that would add to it', () => {
  const full: [Packed, Datum][] = [
    [packU32(1), packU32(5)],
    [packU32(2), packU32(5)],
  ]
  const of = (...rules: Expr[][]): unknown => walk(ruleset([input(0, ...rules)], [[d, full]]), 'input', packet).fate
  assert.equal(of([...change('add', 3), drop]), 'accept')
  assert.equal(of([...change('update', 1), drop]), 'drop')
  // Until the kernel has collected it, what a packet deleted is counted.
  assert.equal(of(change('delete', 1), [...change('add', 3), drop]), 'accept')
})
