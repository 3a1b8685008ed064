import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc, { type Arbitrary } from 'fast-check'
import { Attributes } from '../../netlink/reader.ts'
import { MessageWriter } from '../../netlink/writer.ts'
import type { Verdict } from '../data.ts'
import { type Packed, pack, packBe16 } from '../packed.ts'
import { ctKeys } from './ct.ts'
import { type Expr, type ExprOf, type Foreign, readExprs, writeExprs } from './index.ts'
import { metaKeys } from './meta.ts'

const register = fc.integer({ min: 0, max: 15 })
/** Plain objects, as codecs make them. */
const record = ((model: never, constraints?: object) =>
  fc.record(model, { noNullPrototype: true, ...constraints })) as typeof fc.record
const u32 = fc.integer({ min: 0, max: 0xffffffff })
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,30}$/)
const bytes = (length: number): Arbitrary<Packed> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => pack(array))
const value = fc.integer({ min: 1, max: 64 }).chain(bytes)
const key = <T extends object>(of: T): Arbitrary<keyof T> => fc.constantFrom(...(Object.keys(of) as (keyof T)[]))
const natFlags = fc.subarray(['random', 'persistent', 'fully-random'] as const)
const verdict: Arbitrary<Verdict> = fc.oneof(
  record({ verdict: fc.constantFrom('drop', 'accept', 'continue', 'break', 'return') }),
  record({ verdict: fc.constantFrom('jump', 'goto'), chain: name }),
)

const arbitraries: { readonly [K in Expr['kind']]: Arbitrary<ExprOf<K>> } = {
  payload: record({
    kind: fc.constant('payload'),
    base: fc.constantFrom('link', 'network', 'transport'),
    offset: u32,
    length: u32,
    to: register,
  }),
  meta: fc.oneof(
    record({ kind: fc.constant('meta'), key: key(metaKeys), to: register }),
    record({ kind: fc.constant('meta'), key: key(metaKeys), from: register }),
  ),
  cmp: record({
    kind: fc.constant('cmp'),
    from: register,
    op: fc.constantFrom('eq', 'neq', 'lt', 'lte', 'gt', 'gte'),
    value,
  }),
  bitwise: fc
    .integer({ min: 1, max: 64 })
    .chain((length) =>
      record({ kind: fc.constant('bitwise'), from: register, to: register, mask: bytes(length), xor: bytes(length) }),
    ),
  immediate: fc.oneof(
    record({ kind: fc.constant('immediate'), to: register, value }),
    record({ kind: fc.constant('immediate'), verdict }),
  ),
  limit: record({
    kind: fc.constant('limit'),
    rate: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    seconds: fc.constantFrom(1n, 60n, 3600n),
    burst: u32,
  }),
  lookup: record(
    {
      kind: fc.constant('lookup'),
      set: name,
      from: register,
      to: fc.oneof(register, fc.constant('verdict' as const)),
      inverted: fc.constant(true),
    },
    { requiredKeys: ['kind', 'set', 'from'] },
  ),
  numgen: record({
    kind: fc.constant('numgen'),
    mode: fc.constantFrom('inc', 'random'),
    modulus: u32,
    offset: u32,
    to: register,
  }),
  nat: record(
    {
      kind: fc.constant('nat'),
      type: fc.constantFrom('dnat', 'snat'),
      family: fc.constantFrom('ip', 'ip6'),
      address: register,
      port: register,
      flags: natFlags,
    },
    { requiredKeys: ['kind', 'type', 'family', 'flags'] },
  ),
  masq: record({ kind: fc.constant('masq'), flags: natFlags }),
  reject: fc.oneof(
    record({
      kind: fc.constant('reject'),
      with: fc.constantFrom('icmp', 'icmpx'),
      code: fc.integer({ min: 0, max: 255 }),
    }),
    record({ kind: fc.constant('reject'), with: fc.constant('tcp reset'), code: fc.constant(0) }),
  ),
  ct: record(
    {
      kind: fc.constant('ct'),
      key: key(ctKeys),
      direction: fc.constantFrom('original', 'reply'),
      to: register,
    },
    { requiredKeys: ['kind', 'key', 'to'] },
  ),
  match: record({
    kind: fc.constant('match'),
    name,
    revision: u32,
    info: fc.uint8Array({ maxLength: 80 }),
  }),
  counter: record({
    kind: fc.constant('counter'),
    packets: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    bytes: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  }),
  dynset: record(
    {
      kind: fc.constant('dynset'),
      set: name,
      op: fc.constantFrom('add', 'update', 'delete'),
      key: register,
      data: register,
      timeout: fc.bigInt({ min: 1n, max: (1n << 64n) - 1n }),
    },
    { requiredKeys: ['kind', 'set', 'op', 'key'] },
  ),
  fib: record(
    {
      kind: fc.constant('fib'),
      result: fc.constantFrom('oif', 'oifname', 'type'),
      fields: fc.subarray(['saddr', 'daddr', 'mark', 'iif', 'oif'] as const),
      present: fc.constant(true),
      to: register,
    },
    { requiredKeys: ['kind', 'result', 'fields', 'to'] },
  ),
  notrack: record({ kind: fc.constant('notrack') }),
}

for (const [kind, arbitrary] of Object.entries(arbitraries) as [string, Arbitrary<Expr>][])
  test(`what is written of ${kind} is what is read`, () => {
    fc.assert(fc.property(fc.array(arbitrary, { maxLength: 4 }), (exprs) => assert.deepEqual(roundTrip(exprs), exprs)))
  })

test('a payload load has the bytes that the kernel expects', () => {
  // NFTA_LIST_ELEM { NFTA_EXPR_NAME "payload", NFTA_EXPR_DATA { DREG 9, BASE 1, OFFSET 16, LEN 4 } }, numbers in network order.
  assert.equal(
    hex([{ kind: 'payload', base: 'network', offset: 16, length: 4, to: 1 }]),
    [
      '38000480', // NFTA_RULE_EXPRESSIONS, nested, 56 bytes
      '34000180', // NFTA_LIST_ELEM, nested, 52 bytes
      '0c000100 7061796c6f616400', // NFTA_EXPR_NAME "payload"
      '24000280', // NFTA_EXPR_DATA, nested, 36 bytes
      '08000100 00000009', // NFTA_PAYLOAD_DREG: NFT_REG32_01
      '08000200 00000001', // NFTA_PAYLOAD_BASE: network header
      '08000300 00000010', // NFTA_PAYLOAD_OFFSET
      '08000400 00000004', // NFTA_PAYLOAD_LEN
    ]
      .join('')
      .replaceAll(' ', ''),
  )
})

test('a verdict has the bytes that the kernel expects', () => {
  assert.equal(
    hex([{ kind: 'immediate', verdict: { verdict: 'goto', chain: 'pick-3' } }]),
    [
      '40000480', // NFTA_RULE_EXPRESSIONS
      '3c000180', // NFTA_LIST_ELEM
      '0e000100 696d6d65646961746500 0000', // NFTA_EXPR_NAME "immediate", padded
      '28000280', // NFTA_EXPR_DATA
      '08000100 00000000', // NFTA_IMMEDIATE_DREG: NFT_REG_VERDICT
      '1c000280', // NFTA_IMMEDIATE_DATA
      '18000280', // NFTA_DATA_VERDICT
      '08000100 fffffffc', // NFTA_VERDICT_CODE: NFT_GOTO
      '0b000200 7069636b2d3300 00', // NFTA_VERDICT_CHAIN "pick-3", padded
    ]
      .join('')
      .replaceAll(' ', ''),
  )
})

test('a look-up of an address in the routing tables has the bytes that the kernel expects', () => {
  assert.equal(
    hex([{ kind: 'fib', result: 'type', fields: ['saddr'], to: 2 }]),
    [
      '2c000480', // NFTA_RULE_EXPRESSIONS
      '28000180', // NFTA_LIST_ELEM
      '08000100 66696200', // NFTA_EXPR_NAME "fib"
      '1c000280', // NFTA_EXPR_DATA
      '08000100 0000000a', // NFTA_FIB_DREG: NFT_REG32_02
      '08000200 00000003', // NFTA_FIB_RESULT: address type
      '08000300 00000001', // NFTA_FIB_FLAGS: source address
    ]
      .join('')
      .replaceAll(' ', ''),
  )
})

test('the kernel names every fourth register by its older name', () => {
  const exprs = readExprs(
    list('cmp', [
      { type: 1, be32: 2 },
      { type: 2, be32: 0 },
      { type: 3, data: packBe16(80) },
    ]),
  )
  assert.deepEqual(exprs, [{ kind: 'cmp', from: 4, op: 'eq', value: packBe16(80) }])
})

test('what is not known is read as foreign, and never written', () => {
  const foreign: Foreign[] = [{ kind: 'foreign', name: 'log' }]
  assert.deepEqual(readExprs(list('log', [])), foreign)
  // A payload statement (NFTA_PAYLOAD_SREG instead of DREG), a bitwise shift.
  assert.deepEqual(readExprs(list('payload', [{ type: 5, be32: 1 }])), [{ kind: 'foreign', name: 'payload' }])
  assert.deepEqual(readExprs(list('toString', [])), [{ kind: 'foreign', name: 'toString' }])
  assert.throws(() => writeExprs(new MessageWriter(), 4, foreign), /"log" can be read, not written/)
})

function roundTrip(exprs: readonly Expr[]): unknown {
  const writer = new MessageWriter()
  writeExprs(writer, 4, exprs)
  const copy = new Attributes(writer.bytes).nested(4)
  return readExprs(copy ?? assert.fail())
}

function hex(exprs: readonly Expr[]): string {
  const writer = new MessageWriter()
  writeExprs(writer, 4, exprs)
  return Buffer.from(writer.bytes).toString('hex')
}

/** One expression as a kernel would send it, whatever Kubehop can write. */
function list(name: string, attributes: ({ type: number } & ({ be32: number } | { data: Packed }))[]): Attributes {
  const writer = new MessageWriter()
  writer.nest(1, (expr) => {
    expr.string(1, name)
    expr.nest(2, (data) => {
      for (const attribute of attributes)
        if ('be32' in attribute) data.be32(attribute.type, attribute.be32)
        else data.nest(attribute.type, (nest) => nest.latin1(1, attribute.data))
    })
  })
  return new Attributes(writer.bytes)
}
