import fc from 'fast-check'
import { addressFromBytes } from '../../base/address.ts'
import type { Data, Message, ResourceRecord } from '../wire/message.ts'

/** What messages are made of. */
export interface Parts {
  readonly name: fc.Arbitrary<string>
  /** Of questions. */
  readonly type: fc.Arbitrary<number>
  /** Of questions and records. */
  readonly class: fc.Arbitrary<number>
  readonly flags: fc.Arbitrary<number>
  readonly rcode: fc.Arbitrary<number>
  readonly strings: fc.Arbitrary<Extract<Data, { type: 'TXT' | 'HINFO' }>>
  /** Types of records that are only bytes to us. */
  readonly codes: readonly number[]
}

export const u16: fc.Arbitrary<number> = fc.nat(0xffff)
const u32 = fc.nat(0xffffffff)

/** Messages with records of every kind. */
export function messages(parts: Parts): fc.Arbitrary<Message> {
  const { name, type, class: of, flags, rcode } = parts
  const record: fc.Arbitrary<ResourceRecord> = fc
    .tuple(name, of, u32, dataOf(parts))
    .map(([owner, of, ttl, data]) => ({ name: owner, class: of, ttl, ...data }))
  return fc.record({
    id: u16,
    flags,
    rcode,
    questions: fc.array(fc.record({ name, type, class: of }), { maxLength: 2 }),
    answers: fc.array(record, { maxLength: 8 }),
    authorities: fc.array(record, { maxLength: 3 }),
    additionals: fc.array(record, { maxLength: 3 }),
  })
}

function dataOf({ name, strings, codes }: Parts): fc.Arbitrary<Data> {
  const times = { serial: u32, refresh: u32, retry: u32, expire: u32, minimum: u32 }
  return fc.oneof(
    bytes(4).map((four) => ({ type: 'A' as const, address: addressFromBytes(four) })),
    bytes(16).map((sixteen) => ({ type: 'AAAA' as const, address: addressFromBytes(sixteen) })),
    fc.record({ type: fc.constantFrom('CNAME' as const, 'NS' as const, 'PTR' as const), target: name }),
    fc.record({ type: fc.constant('SOA' as const), mname: name, rname: name, ...times }),
    fc.record({ type: fc.constant('SRV' as const), priority: u16, weight: u16, port: u16, target: name }),
    strings,
    fc.record({
      type: fc.constant('other' as const),
      code: fc.constantFrom(...codes),
      data: fc.uint8Array({ maxLength: 50 }),
    }),
  )
}

function bytes(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length })
}

/** Buffers and Uint8Arrays compare as equal. */
export function plain(message: Message | undefined): string {
  return JSON.stringify(message, (_, value: unknown) => (value instanceof Uint8Array ? Array.from(value) : value))
}
