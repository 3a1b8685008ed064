import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TraceObject, TraceSpec } from '../../api/objects/trace.ts'
import { parseSource } from '../ask/source.ts'
import { parseTarget } from '../ask/target.ts'
import { tell } from '../tell/tell.ts'
import { told } from '../testing/across.ts'
import { statusOf } from './status.ts'
import { wishOf } from './wish.ts'

const wish = (spec: TraceSpec): string => {
  const object: TraceObject = {
    apiVersion: 'kubehop.dev/v1alpha1',
    kind: 'Trace',
    metadata: { name: 't', namespace: 'shop' },
    spec,
  }
  const { from, to, timeoutMs } = wishOf(object)
  // Whatever the API takes, the trace can read.
  parseTarget(to)
  if (from !== 'outside') parseSource(from)
  return [from, to, timeoutMs].filter((part) => part !== undefined).join(' -> ')
}

test('each source and destination of a Trace is one that a trace knows', () => {
  const source = { pod: 'client' }
  const rows: [TraceSpec, string][] = [
    [{ source, destination: { service: 'web' } }, 'shop/pod/client -> shop/svc/web'],
    [
      { source: { pod: 'a', namespace: 'x' }, destination: { service: 'web', namespace: 'y', port: 'http' } },
      'x/pod/a -> y/svc/web:http',
    ],
    [
      { source, protocol: 'HTTP', destination: { service: 'web', port: 81 } },
      'shop/pod/client -> http://web.shop.svc:81',
    ],
    [{ source, protocol: 'UDP', destination: { pod: 'b', port: 53 } }, 'shop/pod/client -> udp://shop/pod/b:53'],
    [{ source: { node: 'node1' }, destination: { node: 'node2', port: 22 } }, 'node/node1 -> node/node2:22'],
    [
      { source: { outside: true }, destination: { ip: '10.0.0.1', port: 80 }, timeout: 2 },
      'outside -> 10.0.0.1:80 -> 2000',
    ],
    [{ source, protocol: 'ICMP', destination: { ip: '10.0.0.1' } }, 'shop/pod/client -> icmp://10.0.0.1'],
    [{ source, protocol: 'DNS', destination: { name: 'web' } }, 'shop/pod/client -> dns://web'],
    [{ source, destination: { url: 'http://web/x' } }, 'shop/pod/client -> http://web/x'],
  ]
  for (const [spec, expected] of rows) assert.equal(wish(spec), expected)
})

test('the status of a Trace tells every hop, machine by machine', () => {
  const trace = tell(told)
  const status = statusOf(trace, '2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z')
  assert.deepEqual(
    status.results?.map(({ node, observations }) => `${node} ${observations.length}`),
    ['node1 5', 'router 1', 'node2 2'],
  )
  assert.deepEqual(status.results?.[0]?.observations[2], {
    component: 'Proxy',
    componentInfo: 'service shop/web: 100.64.0.20:80 becomes 100.96.2.2:8080, pod far, the only one',
    action: 'Translated',
    device: trace.hops[2]?.device,
    srcIP: '100.96.1.2:51087',
    dstIP: '100.64.0.20:80',
    translatedDstIP: '100.96.2.2:8080',
    evidence: `rule: ${trace.hops[2]?.because.text}`,
    microseconds: Math.round((trace.hops[2]?.us ?? 0) * 10) / 10,
  })
  assert.equal(status.results?.[0]?.observations[0]?.pod, 'client')
  assert.equal(status.replyResults?.flatMap(({ observations }) => observations).length, trace.reply.length)
  assert.deepEqual([status.verdict, status.answer, status.agrees], ['delivered', '200 OK', true])
})
