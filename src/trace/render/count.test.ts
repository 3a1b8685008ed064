import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hop, Trace } from '../types.ts'
import { renderTrace } from './text.ts'

const hop = (say: string): Hop => ({
  node: 'node1',
  place: 'client',
  device: 'eth0',
  component: 'pod',
  action: 'sent',
  packet: { src: '100.96.1.2:40000', dst: '100.64.0.30:80', proto: 'tcp' },
  because: { kind: 'packet', text: 'eth0 out' },
  us: 0,
  say,
})
const trace: Trace = {
  from: 'shop/client',
  to: 'svc/web',
  protocol: 'tcp',
  verdict: 'delivered',
  ms: 0.9,
  dns: [],
  hops: [hop('sent')],
  reply: [hop('back')],
  predicted: [],
  agrees: true,
  why: [],
  repeats: {
    count: 100,
    outcomes: [
      {
        verdict: 'delivered',
        endpoint: { pod: 'shop/near', node: 'node1', address: '100.96.1.3' },
        count: 52,
        expected: 0.5,
        ms: { min: 0.3, median: 0.5, p90: 0.9, max: 22 },
      },
      {
        verdict: 'refused',
        endpoint: { pod: 'shop/shut', node: 'node2', address: '100.96.2.3' },
        count: 47,
        expected: 0.5,
        ms: { min: 0.2, median: 0.4, p90: 0.7, max: 1 },
        hops: [hop('another')],
        reply: [hop('no')],
      },
      { verdict: 'rejected', count: 1, ms: { min: 2, median: 2, p90: 2, max: 2 } },
    ],
  },
}

test('many requests are a line for each way in which they ended, and the first that ended otherwise hop by hop', () => {
  const text = renderTrace(trace, { width: 0, color: false, verbose: false })
  assert.deepEqual(text.split('\n').slice(6), [
    '',
    '100 requests',
    '  52  delivered  pod near on node1  52 % (50 % expected), 0.3 ms to 22 ms, half within 0.5 ms, nine of ten within 0.9 ms',
    '  47  refused    pod shut on node2  47 % (50 % expected), 0.2 ms to 1.0 ms, half within 0.4 ms, nine of ten within 0.7 ms',
    '   1  rejected   no endpoint        1 %, 2.0 ms',
    '',
    'the first that was not delivered: refused',
    'there',
    ' 1  +0 us  client  eth0   another',
    'back',
    ' 2  +0 us  client  eth0   no',
    '',
  ])
})

test('that there was no time for all is said', () => {
  const few = { ...trace, repeats: { count: 12, asked: 1000, outcomes: trace.repeats?.outcomes.slice(0, 1) ?? [] } }
  assert.match(
    renderTrace(few, { width: 0, color: false, verbose: false }),
    /^12 requests of 1000: there was no time for more$/m,
  )
})
