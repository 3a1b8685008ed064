import type { Endpoint } from '../../src/api/objects/endpointslice.ts'
import { balanced } from './load-balancer.ts'
import { farPod, friend, nodeAddress, otherFarPod, pod, podA, podB } from './places.ts'
import { type Feature, type Row, row } from './row.ts'
import { endpoint, hinted, leaving, service, slice } from './services.ts'

// Hints of the slices, for this node, then for its zone, which is a; for the Cluster policy only, and only when every ready endpoint
// has one of the kind (KEP-2433, KEP-3015).

const near: (string | Endpoint)[] = [
  hinted(`${podA}@node1`, { zones: ['a'] }),
  hinted(`${farPod}@node2`, { zones: ['b'] }),
]
const all = ['100.96.1.3:8080', '100.96.2.2:8080']
const ours = ['100.96.1.3:8080']
const theirs = ['100.96.2.2:8080']

const cases: readonly (readonly [string, (string | Endpoint)[]])[] = [
  ['zones', near],
  ['two-zones', [hinted(`${podA}@node1`, { zones: ['b', 'a'] }), hinted(`${farPod}@node2`, { zones: ['b'] })]],
  ['all-ours', [hinted(`${podA}@node1`, { zones: ['a'] }), hinted(`${farPod}@node2`, { zones: ['a', 'b'] })]],
  ['none-ours', [hinted(`${podA}@node1`, { zones: ['b'] }), hinted(`${farPod}@node2`, { zones: ['c'] })]],
  ['one-without', [hinted(`${podA}@node1`, { zones: ['a'] }), `${farPod}@node2`]],
  ['one-empty', [hinted(`${podA}@node1`, { zones: ['a'] }), hinted(`${farPod}@node2`, { zones: [] })]],
  ['away', [hinted(`${podA}@node1`, { zones: ['b'] }), hinted(`${farPod}@node2`, { zones: ['a'] })]],
  ['nodes', [hinted(`${podA}@node1`, { nodes: ['node1'] }), hinted(`${farPod}@node2`, { nodes: ['node2'] })]],
  [
    'nodes-first',
    [
      hinted(`${podA}@node1`, { nodes: ['node1'], zones: ['b'] }),
      hinted(`${farPod}@node2`, { nodes: ['node2'], zones: ['a'] }),
    ],
  ],
  [
    'nodes-incomplete',
    [hinted(`${podA}@node1`, { nodes: ['node1'], zones: ['b'] }), hinted(`${farPod}@node2`, { zones: ['a'] })],
  ],
  [
    'nodes-elsewhere',
    [
      hinted(`${podA}@node1`, { nodes: ['node2'], zones: ['a'] }),
      hinted(`${farPod}@node2`, { nodes: ['node3'], zones: ['b'] }),
    ],
  ],
  [
    'nodes-only-elsewhere',
    [hinted(`${podA}@node1`, { nodes: ['node2'] }), hinted(`${farPod}@node2`, { nodes: ['node3'] })],
  ],
  ['unready-without', [...near, endpoint(`${podB}@node1`, { conditions: { ready: false } })]],
  ['leaving-without', [...near, leaving(`${podB}@node1`)]],
  [
    'all-leaving',
    [
      { ...leaving(`${podA}@node1`), hints: { forZones: [{ name: 'b' }] } },
      { ...leaving(`${farPod}@node2`), hints: { forZones: [{ name: 'a' }] } },
    ],
  ],
]

export const hints: Feature = {
  services: [
    ...cases.map(([name], at) => service(`hint-${name}`, `100.64.9.${20 + at}`, ['http:80'])),
    balanced('hint-lb', '100.64.9.50', [{ name: 'http', port: 80, nodePort: 30400 }], [{ ip: '203.0.113.80' }]),
    balanced('hint-kept', '100.64.9.51', [{ name: 'http', port: 80, nodePort: 30401 }], [{ ip: '203.0.113.81' }], {
      externalTrafficPolicy: 'Local',
    }),
    service('hint-several', '100.64.9.52', ['http:80']),
  ],
  slices: [
    ...cases.map(([name, endpoints]) => slice(`hint-${name}`, endpoints, ['http:8080'])),
    slice('hint-lb', near, ['http:8080']),
    slice(
      'hint-kept',
      [hinted(`${podA}@node1`, { zones: ['b'] }), hinted(`${farPod}@node2`, { zones: ['a'] })],
      ['http:8080'],
    ),
    // All slices of the service together are complete, or not.
    slice('hint-several', near, ['http:8080'], 'hint-several-1'),
    slice('hint-several', [`${otherFarPod}@node2`], ['http:8080'], 'hint-several-2'),
  ],
  rows: [
    row('one endpoint is for our zone', pod, '100.64.9.20:80', ours),
    row('one endpoint is for our zone, from the node', nodeAddress, '100.64.9.20:80', ours, 'masquerade'),
    row('one endpoint is for our zone and another', pod, '100.64.9.21:80', ours),
    row('all are for our zone', pod, '100.64.9.22:80', all),
    row('none is for our zone', pod, '100.64.9.23:80', all),
    row('one has no hint', pod, '100.64.9.24:80', all),
    row('one has an empty list of zones', pod, '100.64.9.25:80', all),
    row('the one for our zone is elsewhere', pod, '100.64.9.26:80', theirs),
    row('one endpoint is for our node', pod, '100.64.9.27:80', ours),
    row('hints for nodes go before those for zones', pod, '100.64.9.28:80', ours),
    row('hints for nodes that are not complete', pod, '100.64.9.29:80', theirs),
    row('hints for other nodes, and for our zone', pod, '100.64.9.30:80', ours),
    row('hints for other nodes only', pod, '100.64.9.31:80', all),
    row('one that is not ready has no hint', pod, '100.64.9.32:80', ours),
    row('one that is leaving has no hint', pod, '100.64.9.33:80', ours),
    row('all leaving: hints say nothing', pod, '100.64.9.34:80', all),
    row('from outside to a load balancer', friend, '203.0.113.80:80', ours, 'masquerade'),
    row('from outside to a node port', friend, '192.168.50.11:30400', ours, 'masquerade'),
    row('externalTrafficPolicy Local, from outside', friend, '203.0.113.81:80', ours),
    row('externalTrafficPolicy Local, from a pod', pod, '203.0.113.81:80', theirs),
    row('a slice of the service without hints', pod, '100.64.9.52:80', [...all, '100.96.2.3:8080']),
  ],
}

/** The same services for a node that is in no zone. */
export const noZone: readonly Row[] = [
  row('hints for zones', pod, '100.64.9.20:80', all),
  row('hints for nodes', pod, '100.64.9.27:80', ours),
]
