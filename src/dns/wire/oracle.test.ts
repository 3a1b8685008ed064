import assert from 'node:assert/strict'
import { test } from 'node:test'
import dnsPacket, { type Answer, type Packet } from 'dns-packet'
import fc from 'fast-check'
import { messages, plain } from '../testing/arbitrary.ts'
import { decodeMessage, encodeMessage } from './codec.ts'
import type { Message, ResourceRecord } from './message.ts'

// dns-packet reads and writes the same messages; it writes no pointers, and reads types that are bytes to us.

const label = fc.stringMatching(/^[a-z0-9_-]{1,12}$/)
/** From few labels, so that names have ends in common. */
const name = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.constantFrom('a', 'shop', 'svc', 'cluster', 'local') }, label), {
    maxLength: 6,
  })
  .map((labels) => labels.join('.'))
const text = fc.stringMatching(/^[ -~]{0,40}$/)
const message = messages({
  name,
  type: fc.constantFrom(1, 28, 33, 255),
  class: fc.constant(1),
  flags: fc.constantFrom(0x8000, 0x8580, 0x8180, 0x0100),
  rcode: fc.nat(10),
  strings: fc.oneof(
    fc.record({ type: fc.constant('TXT' as const), strings: fc.array(text, { minLength: 1, maxLength: 3 }) }),
    fc.record({ type: fc.constant('HINFO' as const), strings: fc.tuple(text, text).map(([cpu, os]) => [cpu, os]) }),
  ),
  codes: [11, 20, 31, 34, 38, 64, 65, 0xff00],
})

test('dns-packet reads every message as we wrote it', () => {
  fc.assert(
    fc.property(message, (one) => {
      const read = dnsPacket.decode(encodeMessage(one))
      assert.deepEqual([read.id, (read.flags ?? 0) & 0xf], [one.id, one.rcode])
      assert.deepEqual(
        read.questions?.map(({ name }) => ours(name)),
        one.questions.map(({ name }) => name),
      )
      for (const section of ['answers', 'authorities', 'additionals'] as const)
        assert.deepEqual(read[section]?.map(theirs), one[section].map(expected))
    }),
  )
})

test('we read every message as dns-packet wrote it', () => {
  fc.assert(
    fc.property(message, (one) => {
      const bytes = dnsPacket.encode(dnsPacket.decode(encodeMessage(one)))
      assert.deepEqual(plain(decodeMessage(bytes)), plain(one))
    }),
  )
})

test('records of types that are bytes to us pass through unchanged', () => {
  const rows: Answer[] = [
    { type: 'MX', name: 'shop', data: { preference: 10, exchange: 'mail.shop' } },
    { type: 'CAA', name: 'shop', data: { flags: 128, tag: 'issue', value: 'ca.test', issuerCritical: true } },
    { type: 'DNAME', name: 'shop', data: 'other.test' },
    { type: 'DS', name: 'shop', data: { keyTag: 1, algorithm: 8, digestType: 2, digest: Buffer.alloc(32, 5) } },
    { type: 'TLSA', name: 'shop', data: { usage: 3, selector: 1, matchingType: 1, certificate: Buffer.alloc(32, 6) } },
    { type: 'SSHFP', name: 'shop', data: { algorithm: 1, hash: 1, fingerprint: '0a'.repeat(20) } },
    { type: 'DNSKEY', name: 'shop', data: { flags: 257, algorithm: 8, key: Buffer.alloc(64, 7) } },
    { type: 'NSEC', name: 'shop', data: { nextDomain: 'a.shop', rrtypes: ['A', 'RRSIG', 'NSEC'] } },
    {
      type: 'NAPTR',
      name: 'shop',
      data: { order: 1, preference: 2, flags: 's', services: 'SIP+D2U', regexp: '', replacement: '_sip._udp.shop' },
    },
    {
      type: 'RRSIG',
      name: 'shop',
      data: {
        typeCovered: 'A',
        algorithm: 8,
        labels: 1,
        originalTTL: 5,
        expiration: 2_000_000_000,
        inception: 1_000_000_000,
        keyTag: 9,
        signersName: 'shop',
        signature: Buffer.alloc(64, 8),
      },
    },
  ]
  const answers = rows.map((row) => ({ ttl: 5, class: 'IN' as const, ...row }))
  const packet: Packet = { type: 'response', id: 3, questions: [{ type: 'MX', name: 'shop' }], answers }
  const bytes = dnsPacket.encode(packet)
  const read = decodeMessage(bytes)
  assert.ok(read)
  assert.ok(read.answers.every(({ type }) => type === 'other'))
  assert.deepEqual(dnsPacket.decode(encodeMessage(read)).answers, dnsPacket.decode(bytes).answers)
})

test('pointers are understood wherever they may stand, also where we would write none', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(name, fc.nat()), { minLength: 1, maxLength: 12 }), (rows) => {
      const { bytes, names } = withPointers(rows)
      const read = decodeMessage(bytes)
      assert.deepEqual(
        read?.questions.map(({ name }) => name),
        names,
      )
      assert.deepEqual(
        dnsPacket.decode(bytes).questions?.map(({ name }) => ours(name)),
        names,
      )
    }),
  )
})

test('a message may be longer than pointers reach', () => {
  const answers = Array.from({ length: 1500 }, (_, at): ResourceRecord => {
    const target = `pod-${at % 1000}.web.shop.svc.cluster.local`
    return { name: `${at}.shop.svc.cluster.local`, class: 1, ttl: 5, type: 'CNAME', target }
  })
  const one: Message = { id: 1, flags: 0x8000, rcode: 0, questions: [], answers, authorities: [], additionals: [] }
  const bytes = encodeMessage(one)
  assert.ok(bytes.length > 2 * 0x3fff)
  assert.deepEqual(decodeMessage(bytes), one)
  assert.deepEqual(dnsPacket.decode(bytes).answers?.map(theirs), answers.map(expected))
})

/** Questions whose names end in a pointer to some earlier place with the same rest, or in none: the number beside the name chooses. */
function withPointers(rows: readonly (readonly [string, number])[]): { bytes: Buffer; names: string[] } {
  const places = new Map<string, number[]>()
  const parts: Buffer[] = [Buffer.from([0, 1, 0, 0, 0, rows.length, 0, 0, 0, 0, 0, 0])]
  let at = 12
  const put = (part: Buffer): void => {
    parts.push(part)
    at += part.length
  }
  for (const [of, choice] of rows) {
    const labels = of === '' ? [] : of.split('.')
    for (let index = 0; ; index++) {
      const rest = labels.slice(index).join('.')
      const known = places.get(rest) ?? []
      const pointer = known[choice % (known.length + 1)]
      if (pointer !== undefined && (choice + index) % 3 !== 0) {
        put(Buffer.from([0xc0 | (pointer >> 8), pointer & 0xff]))
        break
      }
      places.set(rest, [...known, at])
      const label = Buffer.from(labels[index] ?? '', 'latin1')
      put(Buffer.concat([Buffer.from([label.length]), label]))
      if (label.length === 0) break
    }
    put(Buffer.from([0, 1, 0, 1]))
  }
  return { bytes: Buffer.concat(parts), names: rows.map(([of]) => of) }
}

/** dns-packet calls the root a dot. */
function ours(of: string): string {
  return of === '.' ? '' : of
}

function theirs(answer: Answer): unknown {
  const { name: owner, type } = answer
  const data = 'data' in answer ? (answer.data as unknown) : undefined
  const head = { name: ours(owner), type }
  if (type === 'TXT') return { ...head, data: [data].flat().map(String) }
  if (typeof data === 'string') return { ...head, data: type === 'A' || type === 'AAAA' ? data : ours(data) }
  if (Buffer.isBuffer(data)) return { ...head, data: data.toString('hex') }
  const fields = Object.entries(data as object).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' && key !== 'cpu' && key !== 'os' ? ours(value) : value,
  ])
  return { ...head, data: Object.fromEntries(fields) as unknown }
}

function expected(of: ResourceRecord): unknown {
  const { name: owner, class: _class, ttl: _ttl, type, ...rest } = of
  const head = { name: owner, type }
  if (type === 'other' && 'code' in rest)
    return { name: owner, type: `UNKNOWN_${rest.code}`, data: Buffer.from(rest.data).toString('hex') }
  if ('address' in rest) return { ...head, data: rest.address }
  if (type === 'HINFO' && 'strings' in rest) return { ...head, data: { cpu: rest.strings[0], os: rest.strings[1] } }
  if ('strings' in rest) return { ...head, data: rest.strings }
  if ('target' in rest && !('port' in rest)) return { ...head, data: rest.target }
  return { ...head, data: rest }
}
