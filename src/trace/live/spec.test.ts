import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mostEnds, readLiveSpec } from './spec.ts'

const good = {
  live: true,
  id: '0123abcd',
  protocol: 'tcp',
  from: ['100.96.1.2'],
  asked: [{ address: '100.64.0.21', port: 80 }],
  behind: [{ address: '100.96.2.2', port: 8080 }],
  wide: [],
  client: 'shop/client',
  pods: ['shop/client'],
  seconds: 3705,
  counts: 3600,
  rate: 100,
}

test('what a coordinator asks for comes through as it is, also when it is an hour with the longest wait', () => {
  assert.deepEqual(readLiveSpec(good), good)
  assert.deepEqual(readLiveSpec({ ...good, whole: true }), { ...good, whole: true })
  // An echo has no port.
  const echo = { ...good, protocol: 'icmp', asked: [{ address: '100.96.2.2' }], behind: [] }
  assert.deepEqual(readLiveSpec(echo).asked, [{ address: '100.96.2.2', port: 0 }])
})

test('what is wrong is refused by the name of its field', () => {
  const rows: [object, RegExp][] = [
    [{ id: 'x' }, /"id" must be eight hexadecimal digits/],
    [{ protocol: 'gre' }, /"protocol" must be tcp, udp, sctp or icmp/],
    [{ from: [] }, /"from" must be at least one address/],
    [{ from: ['fd00::1'] }, /"from\[0\]" must be an IPv4 address/],
    [{ asked: [{ address: '100.64.0.21', port: 0 }] }, /"asked\[0\]\.port" must be a port from 1 to 65535/],
    [{ behind: Array.from({ length: mostEnds + 1 }, () => good.asked[0]) }, /"behind" must be a list of at most 32/],
    [{ wide: ['80'] }, /"wide\[0\]" must be a port from 1 to 65535/],
    [{ client: 'client' }, /"client" must be NAMESPACE\/NAME/],
    [{ seconds: 4000 }, /"seconds" must be a number from 0\.1 to 3800/],
    [{ counts: -1 }, /"counts" must be a number from 0 to 3800/],
    [{ rate: 0 }, /"rate" must be a number from 1 to 10000/],
    [{ whole: 'yes' }, /"whole" must be true or false/],
  ]
  for (const [change, expected] of rows) assert.throws(() => readLiveSpec({ ...good, ...change }), expected)
})
