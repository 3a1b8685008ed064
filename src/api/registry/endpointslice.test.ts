import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Endpoint, EndpointSlice } from '../objects/endpointslice.ts'
import { endpointSliceStrategy as strategy } from './endpointslice.ts'

const said = (slice: Partial<EndpointSlice>): string[] => {
  const whole = { addressType: 'IPv4', endpoints: [], ...slice } as unknown as EndpointSlice
  strategy.defaults?.(whole)
  return (strategy.validate?.(whole) ?? []).map(({ path, say }) => `${path}: ${say}`)
}
const endpoints = (...all: Partial<Endpoint>[]): Partial<EndpointSlice> => ({
  endpoints: all.map((one) => ({ addresses: ['100.96.1.2'], ...one })),
})
const many = <T>(count: number, make: (at: number) => T): T[] => Array.from({ length: count }, (_, at) => make(at))

test('an endpoint has addresses that packets can be sent to, of the family of its slice', () => {
  const rows: [EndpointSlice['addressType'], string, RegExp | undefined][] = [
    ['IPv4', '100.96.1.2', undefined],
    ['IPv4', 'fd00::1', /must be an IPv4 address/],
    ['IPv4', 'web', /must be a valid IP address/],
    ['IPv4', '127.0.0.1', /loopback range/],
    ['IPv4', '169.254.1.1', /link-local range/],
    ['IPv4', '239.0.0.1', /multicast range/],
    ['IPv4', '0.0.0.0', /unspecified/],
    ['IPv6', 'fd00::1', undefined],
    ['IPv6', '100.96.1.2', /must be an IPv6 address/],
    ['IPv6', '::1', /loopback range/],
    ['IPv6', 'ff02::1', /multicast range/],
    ['FQDN', 'web.example.com', undefined],
    ['FQDN', 'web.example.com.', undefined],
    ['FQDN', 'web', /at least two segments/],
    ['FQDN', 'Web.example.com', /RFC 1123 subdomain/],
  ]
  for (const [addressType, ip, expected] of rows) {
    const [first, ...more] = said({ addressType, ...endpoints({ addresses: [ip] }) })
    assert.deepEqual(more, [], ip)
    if (expected === undefined) assert.equal(first, undefined, ip)
    else assert.match(first ?? '', expected)
  }
})

test('a slice holds at most 1000 endpoints of at most 100 addresses, and 20000 ports', () => {
  const rows: [Partial<EndpointSlice>, string[]][] = [
    [endpoints(...many(1000, () => ({}))), []],
    [endpoints(...many(1001, () => ({}))), ['endpoints: Too many: 1001: must have at most 1000 items']],
    [endpoints({ addresses: many(100, (at) => `100.96.1.${at}`) }), []],
    [
      endpoints({ addresses: many(101, (at) => `100.96.1.${at}`) }),
      ['endpoints[0].addresses: Too many: 101: must have at most 100 items'],
    ],
    [endpoints({ addresses: [] }), ['endpoints[0].addresses: Required value: must contain at least 1 address']],
    [{ ports: many(20001, () => ({})) }, ['ports: Too many: 20001: must have at most 20000 items']],
  ]
  for (const [slice, expected] of rows) assert.deepEqual(said(slice), expected)
})

test('hints name at most eight zones and eight nodes, each once', () => {
  const names = (count: number): { name: string }[] => many(count, (at) => ({ name: `a${at}` }))
  const rows: [Endpoint['hints'], string[]][] = [
    [{ forZones: names(8), forNodes: names(8) }, []],
    [{ forZones: names(9) }, ['endpoints[0].hints.forZones: Too many: 9: must have at most 8 items']],
    [{ forNodes: names(9) }, ['endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items']],
    [{ forZones: [{ name: 'a' }, { name: 'a' }] }, ['endpoints[0].hints.forZones[1].name: Duplicate value: "a"']],
    [
      { forZones: [{ name: 'a b' }] },
      ['endpoints[0].hints.forZones[0].name: Invalid value: "a b": must be a valid label value'],
    ],
  ]
  for (const [hints, expected] of rows) assert.deepEqual(said(endpoints(hints ? { hints } : {})), expected)
  assert.match(said(endpoints({ hints: { forNodes: [{ name: 'Node 1' }] } }))[0] ?? '', /forNodes\[0\]\.name: Invalid/)
})

test('ports have names of their own, a protocol and a number', () => {
  const rows: [NonNullable<EndpointSlice['ports']>, RegExp[]][] = [
    [
      [
        { name: 'http', port: 80 },
        { port: 81, protocol: 'UDP' },
      ],
      [],
    ],
    [[{}, {}], [/ports\[1\]\.name: Duplicate value: ""/]],
    [[{ name: 'a', port: 0 }], [/ports\[0\]\.port: Invalid value: 0/]],
    [[{ protocol: 'ICMP' as 'TCP' }], [/ports\[0\]\.protocol: Unsupported value: "ICMP"/]],
    [[{ name: 'A_' }], [/ports\[0\]\.name: Invalid value: "A_"/]],
    [[{ appProtocol: 'a b' }], [/ports\[0\]\.appProtocol: Invalid/]],
  ]
  for (const [ports, expected] of rows) {
    const faults = said({ ports })
    assert.equal(faults.length, expected.length)
    for (const [at, one] of expected.entries()) assert.match(faults[at] ?? '', one)
  }
})

test('the type of addresses is for life', () => {
  const slice = (addressType: string): EndpointSlice => ({ addressType, endpoints: [] }) as unknown as EndpointSlice
  assert.equal(strategy.validateUpdate?.(slice('IPv6'), slice('IPv4'))[0]?.path, 'addressType')
})
