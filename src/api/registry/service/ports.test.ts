import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSpec } from '../../objects/service.ts'
import { resources } from '../../resources.ts'
import { Store } from '../../store/store.ts'
import { cluster, create, patch, ports, refusal, update } from './testing.ts'

test('node ports are found, asked for, shared by protocols of one port, and given back', () => {
  const registry = cluster()
  const { spec } = create(registry, 'a', {
    type: 'NodePort',
    ports: [
      { name: 'a', port: 53, protocol: 'UDP' },
      { name: 'b', port: 53, protocol: 'TCP' },
      { name: 'c', port: 80 },
    ],
  })
  const [udp, tcp, web] = (spec.ports ?? []).map((one) => one.nodePort ?? 0)
  assert.equal(udp, tcp)
  assert.notEqual(web, tcp)
  for (const port of [udp, web]) assert.ok(port !== undefined && port >= 30086 && port <= 32767)
  assert.match(
    refusal(() => create(registry, 'b', { type: 'NodePort', ports: [{ port: 1, nodePort: 80 }] })),
    /The range of valid ports is 30000-32767/,
  )
  assert.match(
    refusal(() => create(registry, 'b', { ports: [{ port: 1, nodePort: 30000 }] })),
    /spec\.ports\[0\]\.nodePort: Forbidden: may not be used when `type` is 'ClusterIP'/,
  )
  assert.match(
    refusal(() =>
      create(registry, 'b', {
        type: 'NodePort',
        ports: [
          { name: 'a', port: 1, nodePort: 30000 },
          { name: 'b', port: 2, nodePort: 30000 },
        ],
      }),
    ),
    /spec\.ports\[1\]\.nodePort: Duplicate value: 30000/,
  )
  const back = patch(registry, 'a', { type: 'ClusterIP' })
  assert.deepEqual(
    back.spec.ports?.map((one) => one.nodePort),
    [undefined, undefined, undefined],
  )
  assert.equal(
    create(registry, 'b', { type: 'NodePort', ports: [{ port: 1, nodePort: web ?? 0 }] }).spec.ports?.[0]?.nodePort,
    web,
  )
})

test('a number belongs to one service, whatever the protocol', () => {
  const registry = cluster()
  const one = (protocol: 'TCP' | 'UDP' | 'SCTP'): ServiceSpec['ports'] & object => [
    { port: 53, protocol, nodePort: 30053 },
  ]
  create(registry, 'a', { type: 'NodePort', ports: one('UDP') })
  assert.match(
    refusal(() => create(registry, 'b', { type: 'NodePort', ports: one('TCP') })),
    /spec\.ports\[0\]\.nodePort: Invalid value: 30053: provided port is already allocated/,
  )
  registry.delete(resources.Service, 'a', 'default')
  const both = [...one('TCP'), ...one('UDP'), ...one('SCTP')].map((each, at) => ({ ...each, name: `p${at}` }))
  create(registry, 'b', { type: 'NodePort', ports: both })
})

test('a load balancer need not have node ports; those that it has stay until they are taken out', () => {
  const registry = cluster()
  const spec: ServiceSpec = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false, ports }
  assert.equal(create(registry, 'bare', spec).spec.ports?.[0]?.nodePort, undefined)
  assert.equal(
    create(registry, 'asked', { ...spec, ports: [{ port: 80, nodePort: 31000 }] }).spec.ports?.[0]?.nodePort,
    31000,
  )
  const given = create(registry, 'a', { type: 'LoadBalancer', ports }).spec.ports?.[0]?.nodePort
  assert.ok(given)
  assert.equal(patch(registry, 'a', { allocateLoadBalancerNodePorts: false }).spec.ports?.[0]?.nodePort, given)
  assert.equal(update(registry, 'a', spec).spec.ports?.[0]?.nodePort, undefined)
})

const local: ServiceSpec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports }

test('a load balancer with policy Local has a port for health checks: given, kept, for life, and given back', () => {
  const registry = cluster()
  const given = create(registry, 'a', local).spec.healthCheckNodePort ?? 0
  assert.ok(given >= 30086 && given <= 32767)
  assert.equal(update(registry, 'a', { ...local, selector: { a: 'b' } }).spec.healthCheckNodePort, given)
  assert.match(
    refusal(() => patch(registry, 'a', { healthCheckNodePort: 31999 })),
    /spec\.healthCheckNodePort: Forbidden: field is immutable/,
  )
  const mine = (healthCheckNodePort: number, rest: ServiceSpec = {}): unknown =>
    create(registry, 'b', { ...local, ...rest, healthCheckNodePort })
  assert.match(
    refusal(() => mine(given)),
    /spec\.healthCheckNodePort: Invalid value: \d+: failed to allocate requested HealthCheck NodePort \d+: provided port is already allocated/,
  )
  assert.match(
    refusal(() => mine(80)),
    /The range of valid ports is 30000-32767/,
  )
  assert.match(
    refusal(() => mine(31000, { ports: [{ port: 80, nodePort: 31000 }] })),
    /spec\.ports\[0\]\.nodePort: Invalid value: 31000: provided port is already allocated/,
  )
  assert.equal(patch(registry, 'a', { externalTrafficPolicy: 'Cluster' }).spec.healthCheckNodePort, undefined)
  mine(given)
  registry.delete(resources.Service, 'b', 'default')
  mine(given)
  assert.equal(patch(registry, 'b', { type: 'NodePort' }).spec.healthCheckNodePort, undefined)
  assert.equal(create(registry, 'c', { ...local, healthCheckNodePort: given }).spec.healthCheckNodePort, given)
  assert.match(
    refusal(() => update(registry, 'a', { ports, healthCheckNodePort: given })),
    /spec\.healthCheckNodePort: Invalid value/,
  )
})

test('after a restart a port for health checks is still taken', () => {
  const store = new Store()
  const given = create(cluster('100.64.0.0/13', store), 'a', local).spec.healthCheckNodePort ?? 0
  assert.match(
    refusal(() =>
      create(cluster('100.64.0.0/13', store), 'b', { type: 'NodePort', ports: [{ port: 1, nodePort: given }] }),
    ),
    /already allocated/,
  )
})
