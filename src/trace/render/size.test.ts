import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sizes, Trace } from '../types.ts'
import { renderTrace } from './text.ts'

const base: Trace = {
  from: 'shop/client',
  to: 'svc/web',
  protocol: 'tcp',
  verdict: 'delivered',
  ms: 0.9,
  dns: [],
  hops: [],
  reply: [],
  predicted: [],
  agrees: true,
  why: [],
}
const hops = [
  { place: 'client', device: 'eth0', mtu: 1500 },
  { place: 'node1', device: 'eth0', mtu: 1200 },
]
const say = 'echo requests to pod far (100.96.2.2)'
const text = (sizes: Sizes): string[] =>
  renderTrace({ ...base, sizes }, { width: 0, color: false, verbose: false })
    .split('\n')
    .slice(2)

test('the largest size, who stopped larger ones, and what each device takes', () => {
  const stopped = { passed: false, by: 'node1', at: { place: 'node1', device: 'cbr0' }, mtu: 1200 } as const
  const tried = [
    { bytes: 1500, ...stopped, say: 'node1 says no' },
    { bytes: 1400, ...stopped, say: 'node1 says no again' },
    { bytes: 1200, passed: true },
  ]
  assert.deepEqual(text({ largest: 1200, tried, hops, say }), [
    '',
    `sizes    1200 bytes is the largest packet that arrives without being cut (${say})`,
    '  1400 bytes: node1 says no again',
    '  devices on the way and what they take: client eth0 1500, node1 eth0 1200',
    '',
  ])
})

test('one size arrives or not, and in pieces', () => {
  assert.deepEqual(text({ tried: [{ bytes: 900, passed: true }], hops: [], say }), [
    '',
    `sizes    arrives without being cut (${say})`,
    '  900 bytes: arrived',
    '',
  ])
  const tried = [
    { bytes: 4000, passed: false, by: 'client', say: 'client’s own device takes less, so nothing was sent' },
    { bytes: 4000, passed: true, cut: true as const },
  ]
  assert.deepEqual(text({ tried, hops: [], say }), [
    '',
    `sizes    does not arrive without being cut (${say})`,
    '  4000 bytes: client’s own device takes less, so nothing was sent',
    '  4000 bytes in pieces: arrived',
    '',
  ])
})

test('what could not be measured is said', () => {
  assert.deepEqual(text({ tried: [], hops: [], say: 'nobody to send to' }), ['', 'sizes    nobody to send to', ''])
})
