import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TraceDestination, TraceObject, TraceSpec } from '../../api/objects/trace.ts'
import { admitTrace } from './admit.ts'

const said = (spec: TraceSpec): string[] => {
  const object: TraceObject = {
    apiVersion: 'kubehop.dev/v1alpha1',
    kind: 'Trace',
    metadata: { name: 't', namespace: 'shop' },
    spec,
  }
  return admitTrace(object).map(({ path, say }) => `${path}: ${say}`)
}
const source = { pod: 'client' }
const to = (destination: TraceDestination, rest: Partial<TraceSpec> = {}): string[] =>
  said({ source, destination, ...rest })
const onlyIpv4 = '::1 is IPv6, and a trace follows IPv4 only; write an IPv4 address, or a name'

test('what no trace could ask is refused by its field, in the words of the command', () => {
  const rows: [TraceDestination, Partial<TraceSpec>, string][] = [
    [
      { url: 'ftp://web/' },
      {},
      'spec.destination.url: Invalid value: "ftp://web/": "ftp://" is not understood: http, https, tcp, udp, sctp, icmp and dns are',
    ],
    [{ url: 'http://[::1]/' }, {}, `spec.destination.url: Invalid value: "http://[::1]/": ${onlyIpv4}`],
    [{ ip: '::1', port: 80 }, {}, `spec.destination.ip: Invalid value: "::1": ${onlyIpv4}`],
    [{ ip: '::1' }, { protocol: 'ICMP' }, `spec.destination.ip: Invalid value: "::1": ${onlyIpv4}`],
    [
      { ip: '224.0.0.1', port: 80 },
      {},
      'spec.destination.ip: Invalid value: "224.0.0.1": 224.0.0.1 is a multicast address (224.0.0.0/4): what is sent there is for many machines at once, and a trace follows one packet to one machine; write the address of one of them',
    ],
    [
      { ip: '10.0.0.1' },
      {},
      'spec.destination.port: Required value: the port is missing (write, for example, 10.0.0.1:80)',
    ],
    [
      { ip: '10.0.0.1', port: 'http' },
      {},
      'spec.destination.port: Invalid value: "http": "http" is a port’s name; nothing here has names for its ports (write, for example, 10.0.0.1:80)',
    ],
    [
      { pod: 'far', port: 80 },
      { protocol: 'ICMP' },
      'spec.destination.port: Invalid value: 80: an echo request (ICMP) is for a machine, not for a port: leave :80 out',
    ],
    [
      { url: 'http://web:70000/' },
      {},
      'spec.destination.url: Invalid value: "http://web:70000/": there is no port 70000: ports end at 65535',
    ],
  ]
  for (const [destination, rest, expected] of rows) assert.deepEqual(to(destination, rest), [expected])
  assert.match(
    to({ name: 'no name at all' })[0] ?? '',
    /^spec\.destination\.name: Invalid value: "no name at all": .*is nothing to send to: write /,
  )
})

test('a name that can be none, of pod, service or node, is refused where it stands', () => {
  assert.match(to({ service: 'Web_1', port: 80 })[0] ?? '', /^spec\.destination\.service: Invalid value: "Web_1": /)
  assert.match(to({ pod: 'a b' })[0] ?? '', /^spec\.destination\.pod: Invalid value: "a b": /)
  const [fault] = said({ source: { pod: 'Cli ent' }, destination: { ip: '10.0.0.1', port: 80 } })
  assert.match(fault ?? '', /^spec\.source\.pod: Invalid value: "Cli ent": .*is no place to send from: write /)
})

test('what depends on the cluster is left to the trace', () => {
  for (const destination of [
    { service: 'web' },
    { service: 'web', port: 'http' },
    { pod: 'far', namespace: 'x', port: 8080 },
    { node: 'node2', port: 22 },
    { ip: '10.0.0.1', port: 80 },
    { ip: '0.0.0.0', port: 80 },
    { name: 'web', port: 80 },
    { name: 'example.com' },
    { url: 'http://web/x?y' },
    { url: 'dns://web' },
    { url: 'svc/web' },
  ])
    assert.deepEqual(to(destination), [], JSON.stringify(destination))
  for (const protocol of ['HTTP', 'HTTPS', 'DNS', 'ICMP', 'SCTP', 'UDP'] as const)
    assert.deepEqual(to({ service: 'web' }, { protocol }), [], protocol)
  for (const from of [{ node: 'node1' }, { outside: true }])
    assert.deepEqual(said({ source: from, destination: { ip: '10.0.0.1', port: 80 } }), [])
})
