import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import type { Counts } from './element.ts'
import type { Expr } from './expr/index.ts'
import { concat, type Packed, packAddress, packBe16, packU32, packU8, unpackU32 } from './packed.ts'
import { print } from './print.ts'
import type { Datum, NamedSet, Ruleset } from './ruleset.ts'
import type { SetSpec } from './set.ts'

const ip = (last: number): Packed => packAddress(address(`10.0.0.${last}`))
const flow = (last: number): Packed => concat(ip(last), packU8(6), packBe16(80))

function ruleset(sets: readonly [SetSpec, [Packed, Datum][]][], exprs: readonly Expr[] = []): Ruleset {
  return {
    table: { family: 'ip', name: 't', comment: 'a table' },
    chains: new Map([['c', { name: 'c', rules: [{ exprs }] }]]),
    sets: new Map(sets.map(([spec, of]): [string, NamedSet] => [spec.name, { spec, elements: new Map(of) }])),
  }
}

const services: [SetSpec, [Packed, Datum][]] = [
  { name: 'services', key: ['ipv4_addr', 'inet_proto', 'inet_service'], data: ['mark'] },
  [
    [flow(1), packU32(1)],
    [flow(2), packU32(2)],
    [flow(3), packU32(3)],
  ],
]
const external: [SetSpec, [Packed, Datum][]] = [{ name: 'external', key: ['ipv4_addr'] }, [[ip(9), null]]]
const affinity: SetSpec = { name: 'affinity', key: ['ipv4_addr'], dynamic: true, timeout: 5_400_000n }

test('a note stands behind its element, and the bracket behind the last one on a line of its own', () => {
  const note = (set: string, key: Packed, datum: Datum): string | undefined =>
    set === 'services' && datum !== packU32(2) ? `shop/web ${key.charCodeAt(3)}` : undefined
  assert.equal(
    print(ruleset([services, external]), { note, rules: false }),
    `table ip t {
	comment "a table"
	map services {
		type ipv4_addr . inet_proto . inet_service : mark
		elements = { 10.0.0.1 . tcp . 80 : 0x00000001, # shop/web 1
			     10.0.0.2 . tcp . 80 : 0x00000002,
			     10.0.0.3 . tcp . 80 : 0x00000003, # shop/web 3
		}
	}

	set external {
		type ipv4_addr
		elements = { 10.0.0.9 }
	}
}
`,
  )
})

test('only elements that are kept are printed, and no set without any', () => {
  const keep = (_set: string, _key: Packed, datum: Datum): boolean =>
    typeof datum === 'string' && unpackU32(datum) === 2
  assert.equal(
    print(ruleset([external, services, [affinity, []]]), { keep, rules: false }),
    `table ip t {
	comment "a table"
	map services {
		type ipv4_addr . inet_proto . inet_service : mark
		elements = { 10.0.0.2 . tcp . 80 : 0x00000002 }
	}
}
`,
  )
  assert.match(
    print(ruleset([external]), { keep }),
    /^table ip t \{\n\tcomment "a table"\n\tchain c \{\n.*\n\t\}\n\}\n$/,
  )
})

test('what would play tricks on a terminal is shown as its number', () => {
  const note = (): string => 'a\u001b[2J\nb\r\u0085\u007f\u2028\u202e\u2066\u200b\ud800ö…'
  assert.equal(
    print(ruleset([external]), { note })
      .split('\n')
      .find((line) => line.includes('#')),
    '\t\telements = { 10.0.0.9, # a\\u001b[2J\\u000ab\\u000d\\u0085\\u007f\\u2028\\u202e\\u2066\\u200b\\ud800ö…',
  )
  const named: SetSpec = { name: 's', key: ['mark'], comment: 'say "hi"\u001b' }
  assert.match(print(ruleset([[named, []]])), /comment "say 'hi'\\u001b"/)
})

test('a dynamic set has a size once a rule fills it', () => {
  const fill: Expr[] = [
    { kind: 'payload', base: 'network', offset: 12, length: 4, to: 0 },
    { kind: 'dynset', set: 'affinity', op: 'add', key: 0 },
  ]
  assert.doesNotMatch(print(ruleset([[affinity, []]])), /size/)
  assert.match(print(ruleset([[affinity, []]], fill)), /\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout 1h30m\n/)
  assert.match(print(ruleset([[{ ...affinity, size: 7 }, []]])), /size 7/)
})

test('elements that count say so, and how much where that is known', () => {
  const counted: [SetSpec, [Packed, Datum][]] = [{ ...services[0], counter: true }, services[1].slice(0, 2)]
  const counts = (_set: string, key: Packed): Counts | undefined =>
    key === flow(2) ? { packets: 3n, bytes: 99n } : undefined
  assert.match(
    print(ruleset([counted]), { counts }),
    /\t\tcounter\n\t\telements = \{ 10.0.0.1 . tcp . 80 counter : 0x00000001,\n\t+ +10.0.0.2 . tcp . 80 counter packets 3 bytes 99 : 0x00000002 \}/,
  )
})

test('constants in keys are printed as what they are, for which nft has no words', () => {
  const rule = (...exprs: Expr[]): string | undefined =>
    print(ruleset([services, external], exprs))
      .split('\n')
      .at(-4)
      ?.trim()
  const constant = (to: number, value: Packed): Expr => ({ kind: 'immediate', to, value })
  const lookup = (set: string): Expr => ({ kind: 'lookup', set, from: 0 })
  assert.equal(rule(constant(0, ip(1)), lookup('external')), '10.0.0.1 @external')
  assert.equal(rule(constant(0, flow(1)), lookup('services')), '10.0.0.1 . tcp . 80 @services')
  assert.equal(
    rule(constant(0, ip(1)), { kind: 'meta', key: 'l4proto', to: 1 }, constant(2, packBe16(80)), lookup('services')),
    '10.0.0.1 . meta l4proto . 80 @services',
  )
})

test('what is not known is printed all the same', () => {
  const rule = (...exprs: Expr[]): string | undefined => print(ruleset([], exprs)).split('\n').at(-4)?.trim()
  assert.equal(rule({ kind: 'lookup', set: 'gone', from: 3 }), '(register 3) @gone')
  assert.equal(rule({ kind: 'cmp', from: 7, op: 'neq', value: packU32(1) }), '(register 7) != 0x01000000')
  assert.equal(
    rule(
      { kind: 'payload', base: 'network', offset: 8, length: 1, to: 0 },
      { kind: 'cmp', from: 0, op: 'eq', value: packU8(64) },
    ),
    '@nh,64,8 0x40',
  )
})
