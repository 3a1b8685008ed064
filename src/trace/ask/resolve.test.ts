import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../api/objects/service.ts'
import { address } from '../../base/address.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { findOrigin } from './find-origin.ts'
import { findDestination } from './resolve.ts'
import { parseSource } from './source.ts'
import { parseTarget } from './target.ts'
import { cluster as plain } from '../testing/across.ts'

const service = (name: string, spec: Partial<Service['spec']>, ingress?: string): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'shop' },
  spec: { ports: [{ port: 80, targetPort: 8080 }], ...spec },
  ...(ingress !== undefined && { status: { loadBalancer: { ingress: [{ ip: ingress }] } } }),
})
const nodePort = [{ port: 80, targetPort: 8080, nodePort: 30080 }]
const [slice] = plain.slices
const slicesOf = (...names: string[]) =>
  names.flatMap((name) =>
    slice
      ? [
          {
            ...slice,
            metadata: { ...slice.metadata, name: `${name}-1`, labels: { 'kubernetes.io/service-name': name } },
          },
        ]
      : [],
  )
const cluster: Cluster = {
  ...plain,
  services: [
    ...plain.services,
    service('pets', { clusterIP: 'None' }),
    service('away', { type: 'ExternalName', externalName: 'example.com' }),
    service('open', { type: 'NodePort', clusterIP: '100.64.0.30', ports: nodePort }),
    service('near', { type: 'NodePort', clusterIP: '100.64.0.31', ports: nodePort, externalTrafficPolicy: 'Local' }),
    service('big', { type: 'LoadBalancer', clusterIP: '100.64.0.32', ports: nodePort }, '203.0.113.7'),
    service('two', {
      clusterIP: '100.64.0.33',
      ports: [
        { name: 'http', port: 80 },
        { name: 'admin', port: 81 },
      ],
    }),
    service('six', { clusterIP: 'fd00::9' }),
  ],
  slices: [
    ...plain.slices,
    ...slicesOf('pets', 'open', 'near').map((one) => ({
      ...one,
      endpoints: one.endpoints.map((endpoint) => ({ ...endpoint, nodeName: 'node2' })),
    })),
  ],
  pods: [
    ...plain.pods,
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'agent', namespace: 'shop' },
      spec: { nodeName: 'node2', hostNetwork: true, containers: [{ name: 'a', ports: [{ containerPort: 9100 }] }] },
      status: { phase: 'Running', podIP: '192.168.50.12' },
    },
  ],
}
const outside = { address: address('198.51.100.2') }
const to = (text: string, from = 'shop/client', namespace = 'shop') => {
  const origin = findOrigin(cluster, parseSource(from), namespace, outside)
  return findDestination(cluster, parseTarget(text), origin, namespace)
}
const brief = (text: string, from?: string): string => {
  const one = to(text, from)
  return `${one.kind === 'name' ? one.name : one.address}:${one.port}`
}

test('a destination is an address, or a name that has to be looked up', () => {
  const rows: [string, string][] = [
    ['pod/far:8080', '100.96.2.2:8080'],
    ['pod/agent', '192.168.50.12:9100'],
    ['node/node2:10250', '192.168.50.12:10250'],
    ['icmp://node/node2', '192.168.50.12:0'],
    ['svc/web', '100.64.0.20:80'],
    ['svc/two:admin', '100.64.0.33:81'],
    ['web', 'web:80'],
    ['http://web.shop/', 'web.shop:80'],
    ['far-0.pets.shop:8080', 'far-0.pets.shop:8080'],
    ['svc/pets', 'pets.shop.svc.cluster.local:80'],
    ['svc/away', 'away.shop.svc.cluster.local:80'],
    ['203.0.113.7:80', '203.0.113.7:80'],
  ]
  for (const [text, expected] of rows) assert.equal(brief(text), expected, text)
})

test('a service means from outside what clients there can use', () => {
  const rows: [string, string][] = [
    ['svc/big', '203.0.113.7:80'],
    ['svc/open', '192.168.50.11:30080'],
    ['svc/near', '192.168.50.12:30080'],
    // Nobody offers it there: what happens to such a packet is the story.
    ['svc/web', '100.64.0.20:80'],
    ['svc/pets', '100.96.2.2:80'],
    ['svc/away', 'away.shop.svc.cluster.local:80'],
    ['pod/far:8080', '100.96.2.2:8080'],
  ]
  for (const [text, expected] of rows) assert.equal(brief(text, 'outside'), expected, text)
  assert.equal(brief('svc/open', 'node/node1'), '100.64.0.30:80')
  assert.equal(brief('svc/pets', 'node/node1'), '100.96.2.2:80')
})

test('what is no destination says what would be one', () => {
  const rows: [string, string, RegExp][] = [
    ['sv/web:80', 'NotFound', /there is no pod sv\/web; did you mean svc\/web\?$/],
    ['svc/wbe', 'NotFound', /there is no service shop\/wbe; did you mean web\?/],
    ['node/node9:80', 'NotFound', /there is no node node9; did you mean node1 or node2\?/],
    ['node/node1', 'Usage', /the port is missing \(write, for example, node\/node1:10250\)/],
    ['svc/two', 'Usage', /the port is missing; there is 80, 81/],
    ['svc/two:htp', 'Usage', /service two has no port named "htp"; there is http, admin/],
    ['pod/far', 'Usage', /the port is missing \(write, for example, pod\/far:8080\)/],
    ['udp://svc/web', 'Usage', /the port is missing/],
    ['100.64.0.20', 'Usage', /the port is missing/],
    [
      'http://svc/web/',
      'Usage',
      /behind http:\/\/ stands a name, not an object; write http:\/\/web\/, or svc\/web without http:\/\/$/,
    ],
    ['[fd00::1]:80', 'OnlyIpv4', /fd00::1 is IPv6, and a trace follows IPv4 only/],
    ['http://[fd00::1]/', 'OnlyIpv4', /IPv6/],
    ['fd00::1', 'OnlyIpv4', /fd00::1 is IPv6, and a trace follows IPv4 only/],
    ['fd00::1:80', 'OnlyIpv4', /fd00::1:80 is IPv6/],
    ['svc/six', 'OnlyIpv4', /fd00::9 is IPv6/],
  ]
  for (const [text, code, message] of rows) assert.throws(() => to(text), { code, message }, text)
})

test('a service that is nearly meant is named before a missing port, and a path is no pod', () => {
  const rows: [string, RegExp][] = [
    ['web.shp', /"web\.shp": nothing is in a namespace "shp"; did you mean web\?/],
    ['wbe', /"wbe": there is no service wbe in namespace shop; did you mean web\?/],
    ['web/path', /there is no pod web\/path; web is a service: write http:\/\/web\/path$/],
    ['bank/path', /there is no pod bank\/path$/],
  ]
  for (const [text, message] of rows) assert.throws(() => to(text), { code: 'NotFound', message }, text)
  assert.throws(() => to('example.com'), { code: 'Usage', message: /the port is missing/ })
})

test('what is in another namespace is named, and how it is written', () => {
  const there = (text: string) => () => to(text, 'node/node1', 'default')
  const rows: [string, RegExp][] = [
    ['svc/web:80', /there is no service default\/web; there is shop\/web: write shop\/svc\/web$/],
    ['svc/web.shop:80', /there is no service default\/web\.shop; there is shop\/web: write shop\/svc\/web$/],
    ['pod/far:80', /there is no pod default\/far; there is shop\/far: write shop\/pod\/far$/],
    ['svc/web.other:80', /there is no service default\/web\.other$/],
  ]
  for (const [text, message] of rows) assert.throws(there(text), { code: 'NotFound', message }, text)
  assert.equal(there('shop/svc/web:80')().kind, 'address')
})
