import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSpec } from '../../objects/service.ts'
import { resources } from '../../resources.ts'
import { Store } from '../../store/store.ts'
import { cluster, create, ports, refusal } from './testing.ts'

test('what is left out is filled as kube-apiserver fills it', () => {
  const { spec, status } = create(cluster(), 'a', {
    ports: [
      { port: 80, targetPort: 'http' },
      { port: 53, protocol: 'UDP', name: 'd' },
    ].map((one, at) => ({ name: `p${at}`, ...one })) as ServiceSpec['ports'] & object,
  })
  const { clusterIP, clusterIPs, ports: filled, ...rest } = spec
  assert.deepEqual(clusterIPs, [clusterIP])
  assert.deepEqual(filled, [
    { name: 'p0', port: 80, targetPort: 'http', protocol: 'TCP' },
    { name: 'd', port: 53, protocol: 'UDP', targetPort: 53 },
  ])
  assert.deepEqual(rest, {
    type: 'ClusterIP',
    sessionAffinity: 'None',
    internalTrafficPolicy: 'Cluster',
    ipFamilyPolicy: 'SingleStack',
    ipFamilies: ['IPv4'],
  })
  assert.deepEqual(status, { loadBalancer: {} })
})

test('each type has the defaults of its own fields', () => {
  const rows: [ServiceSpec, Partial<ServiceSpec>][] = [
    [{ type: 'NodePort' }, { externalTrafficPolicy: 'Cluster', internalTrafficPolicy: 'Cluster' }],
    [{ type: 'LoadBalancer' }, { externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: true }],
    [{ externalIPs: ['192.0.2.1'] }, { externalTrafficPolicy: 'Cluster', type: 'ClusterIP' }],
    [{ sessionAffinity: 'ClientIP' }, { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } }],
    [
      { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } },
    ],
    [{ sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } }, {}],
    [
      { clusterIP: 'None', selector: { a: 'b' } },
      { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] },
    ],
    [{ clusterIP: 'None' }, { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] }],
    [{ ipFamilyPolicy: 'PreferDualStack' }, { ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4'] }],
    [{ type: '' as 'ClusterIP', externalTrafficPolicy: '' as 'Local', healthCheckNodePort: 0 }, { type: 'ClusterIP' }],
  ]
  for (const [spec, expected] of rows) {
    const filled = create(cluster(), 'a', { ports, ...spec }).spec
    for (const [field, value] of Object.entries(expected)) assert.deepEqual(filled[field as keyof ServiceSpec], value)
    if (spec.sessionAffinity === undefined) assert.equal(filled.sessionAffinityConfig, undefined)
    if (expected.externalTrafficPolicy === undefined) assert.equal(filled.externalTrafficPolicy, undefined)
    assert.equal(filled.healthCheckNodePort, undefined)
  }
  const external = create(cluster(), 'a', { type: 'ExternalName', externalName: 'example.com.' }).spec
  assert.deepEqual(external, { type: 'ExternalName', externalName: 'example.com.', sessionAffinity: 'None' })
})

test('addresses are never given out from the lower band, and never twice', () => {
  const registry = cluster('10.0.0.0/26')
  const given = new Set<string>()
  // 64 addresses: 0 is the network's, 1 to 15 are for asking, 63 is the broadcast address.
  for (let i = 0; i < 47; i++) given.add(create(registry, `s${i}`, { ports }).spec.clusterIP ?? '')
  assert.deepEqual(
    [...given].map((ip) => Number(ip.split('.')[3])).toSorted((a, b) => a - b),
    Array.from({ length: 47 }, (_, at) => at + 16),
  )
  assert.match(
    refusal(() => create(registry, 'full', { ports })),
    /failed to allocate a serviceIP: range is full/,
  )
  assert.equal(create(registry, 'dns', { ports, clusterIP: '10.0.0.10' }).spec.clusterIP, '10.0.0.10')
  registry.delete(resources.Service, 's7', 'default')
  assert.equal(given.has(create(registry, 'again', { ports }).spec.clusterIP ?? ''), true)
})

test('an address that is asked for is given once, and only from the range', () => {
  const registry = cluster()
  create(registry, 'a', { ports, clusterIP: '100.64.0.10' })
  const says = (clusterIP: string): string => refusal(() => create(registry, 'b', { ports, clusterIP }))
  assert.match(
    says('100.64.0.10'),
    /spec\.clusterIPs: Invalid value: \["100\.64\.0\.10"\]: .*already allocated \(by service default\/a\)/,
  )
  assert.match(says('10.0.0.1'), /not in the valid range. The range of valid IPs is 100\.64\.0\.0\/13/)
  assert.match(says('100.64.0.0'), /not in the valid range/)
  assert.match(says('100.71.255.255'), /not in the valid range/)
  assert.match(
    says('100.64.0.010'),
    /spec\.clusterIPs\[0\]: Invalid value: "100\.64\.0\.010": must be a valid IP address/,
  )
  assert.deepEqual(create(registry, 'headless', { clusterIP: 'None' }).spec.clusterIPs, ['None'])
})

test('after a restart, what is taken is still taken', () => {
  const store = new Store()
  create(cluster('100.64.0.0/13', store), 'a', {
    ports: [{ port: 80, nodePort: 31000 }],
    type: 'NodePort',
    clusterIP: '100.64.0.10',
  })
  const again = cluster('100.64.0.0/13', store)
  assert.match(
    refusal(() => create(again, 'b', { ports, clusterIP: '100.64.0.10' })),
    /already allocated/,
  )
  assert.match(
    refusal(() => create(again, 'b', { ports: [{ port: 80, nodePort: 31000 }], type: 'NodePort' })),
    /spec\.ports\[0\]\.nodePort: Invalid value: 31000: provided port is already allocated/,
  )
})
