import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { object } from '../testing.ts'
import { groupsOf, zoneLabel } from './endpoints.ts'

const service = (spec: Partial<Service['spec']> = {}): Service =>
  object('Service', 'web', { spec: { ports: [{ name: 'http', port: 80, targetPort: 8080 }], ...spec } })
const pod = (name: string, ready: boolean, rest: { metadata?: object; spec?: object; status?: object } = {}): Pod =>
  object('Pod', name, {
    metadata: rest.metadata,
    spec: { containers: [], nodeName: 'node1', ...rest.spec },
    status: { podIP: '100.96.1.2', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }], ...rest.status },
  })
const noLabels = (): Record<string, string> => ({})
const one = (of: Service, pods: Pod[]) => groupsOf(of, pods, 'IPv4', noLabels)[0]?.endpoints[0]

test('ready, serving and terminating follow the pod and the service', () => {
  const leaving = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }
  const rows: [string, Service, Pod, string][] = [
    ['ready', service(), pod('a', true), 'ready serving'],
    ['not ready', service(), pod('a', false), ''],
    ['terminating, still answering', service(), pod('a', true, leaving), 'serving terminating'],
    ['terminating, silent', service(), pod('a', false, leaving), 'terminating'],
    ['published though not ready', service({ publishNotReadyAddresses: true }), pod('a', false), 'ready'],
    [
      'published though terminating',
      service({ publishNotReadyAddresses: true }),
      pod('a', false, leaving),
      'ready terminating',
    ],
  ]
  for (const [what, of, from, expected] of rows) {
    const conditions = Object.entries(one(of, [from])?.conditions ?? {})
    assert.equal(
      conditions
        .filter(([, value]) => value)
        .map(([name]) => name)
        .join(' '),
      expected,
      what,
    )
  }
})

test('a pod without an address, or that has ended, is no endpoint', () => {
  const nowhere = pod('a', true, { status: { podIP: undefined } })
  assert.deepEqual(
    groupsOf(service(), [nowhere, pod('b', false, { status: { phase: 'Succeeded' } })], 'IPv4', noLabels),
    [],
  )
})

test('an endpoint says which pod, on which node and in which zone it is, and its hostname when the subdomain is the service', () => {
  const named = pod('a', true, { spec: { hostname: 'first', subdomain: 'web' } })
  assert.deepEqual(groupsOf(service(), [named], 'IPv4', (node) => ({ [zoneLabel]: `zone-of-${node}` }))[0]?.endpoints, [
    {
      addresses: ['100.96.1.2'],
      conditions: { ready: true, serving: true, terminating: false },
      hostname: 'first',
      nodeName: 'node1',
      targetRef: { kind: 'Pod', namespace: 'default', name: 'a', uid: 'uid-a' },
      zone: 'zone-of-node1',
    },
  ])
  assert.equal(
    one(service(), [pod('a', true, { spec: { hostname: 'first', subdomain: 'other' } })])?.hostname,
    undefined,
  )
})

test('a named targetPort is looked up in each pod; pods with other numbers are a group of their own', () => {
  const named = service({ ports: [{ name: 'http', port: 80, targetPort: 'web', appProtocol: 'http' }] })
  const at = (name: string, containerPort: number, protocol = 'TCP'): Pod =>
    pod(name, true, { spec: { containers: [{ name: 'c', ports: [{ name: 'web', containerPort, protocol }] }] } })
  const groups = groupsOf(named, [at('a', 8080), at('b', 9090), at('c', 8080), at('d', 53, 'UDP')], 'IPv4', noLabels)
  assert.deepEqual(
    groups.map(({ ports, endpoints }) => [ports.map((one) => one.port), endpoints.map((each) => each.targetRef?.name)]),
    [
      [[8080], ['a', 'c']],
      [[9090], ['b']],
      [[], ['d']],
    ],
  )
  assert.deepEqual(groups[0]?.ports, [{ name: 'http', port: 8080, protocol: 'TCP', appProtocol: 'http' }])
})

test('each family takes its own address of the pod', () => {
  const dual = pod('a', true, { status: { podIPs: [{ ip: '100.96.1.2' }, { ip: 'fd00::2' }] } })
  const addresses = (['IPv4', 'IPv6'] as const).map(
    (of) => groupsOf(service(), [dual], of, noLabels)[0]?.endpoints[0]?.addresses,
  )
  assert.deepEqual(addresses, [['100.96.1.2'], ['fd00::2']])
})

test('a headless service may have no ports', () => {
  const { ports, ...rest } = service({ clusterIP: 'None' }).spec
  assert.ok(ports)
  assert.deepEqual(groupsOf(object('Service', 'web', { spec: rest }), [pod('a', true)], 'IPv4', noLabels)[0]?.ports, [])
})

test('a pod whose node has been deleted is no endpoint, unless it is published whatever becomes of it', () => {
  const gone = (of: Service): number => groupsOf(of, [pod('a', true)], 'IPv4', () => undefined).length
  assert.equal(gone(service()), 0)
  assert.equal(gone(service({ publishNotReadyAddresses: true })), 1)
})

test('ready endpoints hint their own zone and node, as the service prefers', () => {
  const zoned = { [zoneLabel]: 'a' }
  const forZones = [{ name: 'a' }]
  const forNodes = [{ name: 'node1' }]
  const rows: [string | undefined, Record<string, string>, boolean, unknown][] = [
    [undefined, zoned, true, undefined],
    ['PreferSameZone', zoned, true, { forZones }],
    ['PreferClose', zoned, true, { forZones }],
    ['PreferSameNode', zoned, true, { forZones, forNodes }],
    ['PreferSameNode', {}, true, { forNodes }],
    ['PreferSameZone', {}, true, undefined],
    ['PreferSameZone', { [zoneLabel]: '' }, true, undefined],
    ['PreferSameNode', zoned, false, undefined],
  ]
  for (const [trafficDistribution, labels, ready, expected] of rows) {
    const of = service(trafficDistribution === undefined ? {} : { trafficDistribution })
    const [endpoint] = groupsOf(of, [pod('a', ready)], 'IPv4', () => labels)[0]?.endpoints ?? []
    assert.deepEqual(endpoint?.hints, expected, `${trafficDistribution} ${JSON.stringify(labels)} ${ready}`)
    assert.equal(endpoint?.zone, labels[zoneLabel] || undefined)
  }
})
