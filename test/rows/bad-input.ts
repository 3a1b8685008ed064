import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Service, ServicePort } from '../../src/api/objects/service.ts'
import { balanced } from './load-balancer.ts'
import { farPod, friend, pod, podA, podB, podC, stranger } from './places.ts'
import { type Feature, row } from './row.ts'
import { service, slice } from './services.ts'

// What an API server should have refused harms nobody else: the rest of the object is served, and so are the others.

const good = ['100.96.1.3:8080']
const port = (number: number, more: object = {}): ServicePort => ({ name: 'http', port: number, ...more })
const aged = (made: Service, creationTimestamp: string): Service => ({
  ...made,
  metadata: { ...made.metadata, creationTimestamp },
})
const odd = 'Ünï"c\\ode; flush ruleset }'.padEnd(300, '-')

export const badInput: Feature = {
  services: [
    service('bad-range', '10.1.2.3', ['http:80']),
    service('bad-address', 'not an address', ['http:80']),
    service('bad-empty', '100.64.14.20', []),
    { ...service('bad-portless', '100.64.14.21', []), spec: { clusterIP: '100.64.14.21' } },
    service('bad-ports', '100.64.14.22', [port(0), port(70_000), port(-1), port(1.5), port(Number.NaN), port(80)]),
    service('bad-protocol', '100.64.14.23', [
      port(80, { protocol: 'ICMP' }),
      port(81, { protocol: 'toString' }),
      port(82, { protocol: 'TCP' }),
    ]),
    service('bad-twice', '100.64.14.24', ['http:80', 'again:80', 'other:81']),
    service('bad-slices', '100.64.14.25', ['http:80', 'admin:81', 'zero:82']),
    service('bad-endpoints', '100.64.14.26', ['http:80']),
    service(odd, '100.64.14.27', [{ name: odd, port: 80 }]),
    aged(service('bad-old', '100.64.14.28', ['http:80']), '2026-01-01T00:00:00Z'),
    aged(service('bad-copy', '100.64.14.28', ['http:80', 'more:81']), '2026-01-02T00:00:00Z'),
    aged(
      service('bad-np-old', '100.64.14.29', [port(80, { nodePort: 30550 })], { type: 'NodePort' }),
      '2026-01-01T00:00:00Z',
    ),
    aged(
      service('bad-np-copy', '100.64.14.30', [port(80, { nodePort: 30550 })], { type: 'NodePort' }),
      '2026-01-02T00:00:00Z',
    ),
    service('bad-np', '100.64.14.31', [port(80, { nodePort: 70_000 })], { type: 'NodePort' }),
    service(
      'bad-np-twice',
      '100.64.14.32',
      [
        { name: 'http', port: 80, nodePort: 30551 },
        { name: 'admin', port: 81, nodePort: 30551 },
      ],
      { type: 'NodePort' },
    ),
    service('bad-external', '100.64.14.33', ['http:80'], {
      externalIPs: [
        '',
        'x',
        '127.0.0.1',
        '0.0.0.0',
        '224.0.0.1',
        '169.254.169.254',
        '255.255.255.255',
        'fd00::1',
        '198.51.100.70',
      ],
    }),
    balanced(
      'bad-lb',
      '100.64.14.34',
      ['http:80'],
      [{ ip: 'x' }, { ip: '' }, {}, { ip: '127.0.0.1' }, { ip: '203.0.113.71' }],
    ),
    balanced('bad-ranges', '100.64.14.35', ['http:80'], [{ ip: '203.0.113.72' }], {
      loadBalancerSourceRanges: ['x', '1.2.3.4', '192.168.50.70/33', 'fd00::/8', '192.168.50.70/32'],
    }),
    balanced('bad-all-ranges', '100.64.14.36', ['http:80'], [{ ip: '203.0.113.73' }], {
      loadBalancerSourceRanges: ['x'],
    }),
    service('bad-repeats', '100.64.14.37', ['http:80']),
    // The last address of the range, and one with a number that needs no quoting.
    service('fine', '100.71.255.254', ['http:80']),
  ],
  slices: [
    ...[
      'range',
      'address',
      'empty',
      'portless',
      'ports',
      'old',
      'np-old',
      'np',
      'external',
      'lb',
      'ranges',
      'all-ranges',
    ].map((of) => slice(`bad-${of}`, [`${podA}@node1`], ['http:8080'])),
    ...['copy', 'np-copy'].map((of) => slice(`bad-${of}`, [`${podB}@node1`], ['http:8080', 'more:8080'])),
    slice('bad-protocol', [`${podA}@node1`], ['http:8080']),
    slice('bad-twice', [`${podA}@node1`], ['http:8080', 'other:8080'], 'bad-twice-1'),
    slice('bad-twice', [`${podB}@node1`], ['again:8080'], 'bad-twice-2'),
    slice('bad-np-twice', [`${podA}@node1`], ['http:8080', 'admin:9090']),
    {
      ...slice('bad-slices', [`${podB}@node1`], []),
      ports: [{ name: 'http' }, { name: 'admin', port: 70_000 }, { name: 'zero', port: 0 }],
    },
    slice('bad-slices', [`${podA}@node1`], ['http:8080'], 'bad-slices-2'),
    { ...slice('bad-slices', [], ['http:8080'], 'bad-slices-3'), endpoints: null } as unknown as EndpointSlice,
    {
      ...slice('bad-slices', [], ['http:8080'], 'bad-slices-4'),
      endpoints: [{ addresses: [] }, {} as unknown as EndpointSlice['endpoints'][number]],
    },
    slice(
      'bad-endpoints',
      [
        '127.0.0.1',
        '0.0.0.0',
        '224.0.0.1',
        '255.255.255.255',
        '169.254.1.1',
        'x',
        '',
        '100.96.1.300',
        'fd00::1',
        `${podA}@node1`,
      ].map((at) => (at === '' ? { addresses: [''] } : at)),
      ['http:8080'],
    ),
    { ...slice(odd, [`${podA}@node1`], []), ports: [{ name: odd, protocol: 'TCP', port: 8080 }] },
    ...['1', '2', '3'].map((n) =>
      slice(
        'bad-repeats',
        [`${podA}@node1`, `${podA}@node1`, podA, `${podA}@node2`, `${farPod}@node2`],
        ['http:8080'],
        `bad-repeats-${n}`,
      ),
    ),
    slice('fine', [`${podC}@node1`], ['http:8080']),
  ],
  rows: [
    row('a cluster IP outside the range', pod, '10.1.2.3:80', 'none'),
    row('no ports', pod, '100.64.14.20:80', 'reject'),
    row('not even a list of ports', pod, '100.64.14.21:80', 'reject'),
    row('the good one of many ports', pod, '100.64.14.22:80', good),
    row('a protocol that is none', pod, '100.64.14.23:80', 'reject'),
    row('the good one beside protocols that are none', pod, '100.64.14.23:82', good),
    row('the same port twice: the first', pod, '100.64.14.24:80', good),
    row('a port beside one that is there twice', pod, '100.64.14.24:81', good),
    row('a slice without a number for the port, beside a good one', pod, '100.64.14.25:80', good),
    row('a port number that is none', pod, '100.64.14.25:81', 'reject'),
    row('port number 0', pod, '100.64.14.25:82', 'reject'),
    row('the good one of many endpoints', pod, '100.64.14.26:80', good),
    row('a name that is none', pod, '100.64.14.27:80', good),
    row('the same cluster IP twice: the older service', pod, '100.64.14.28:80', good),
    row('the same node port twice: the older service', friend, '192.168.50.11:30550', good, 'masquerade'),
    row('the same node port twice: the other’s cluster IP', pod, '100.64.14.30:80', ['100.96.1.4:8080']),
    row('a node port that is none', pod, '100.64.14.31:80', good),
    row('the same node port twice in one service', friend, '192.168.50.11:30551', good, 'masquerade'),
    row('the cluster IP of its second port', pod, '100.64.14.32:81', ['100.96.1.3:9090']),
    row('the good one of many external IPs', pod, '198.51.100.70:80', good, 'masquerade'),
    row('the good one of many load balancers’ addresses', pod, '203.0.113.71:80', good, 'masquerade'),
    row('the good one of many ranges', friend, '203.0.113.72:80', good, 'masquerade'),
    row('beside the good one of many ranges', stranger, '203.0.113.72:80', 'drop'),
    row('no good one among the ranges', friend, '203.0.113.73:80', 'drop'),
    row('the same endpoints again and again', pod, '100.64.14.37:80', ['100.96.1.3:8080', '100.96.2.2:8080']),
    row('a good service among them all', pod, '100.71.255.254:80', ['100.96.1.5:8080']),
  ],
}
