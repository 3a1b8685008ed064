import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSpec } from '../../objects/service.ts'
import { cluster, create, patch, ports, refusal, setStatus, update } from './testing.ts'

test('an update keeps the address and node ports that it does not speak of, and cannot change the address', () => {
  const registry = cluster()
  const made = create(registry, 'a', { type: 'NodePort', ports })
  const kept = update(registry, 'a', { type: 'NodePort', ports, selector: { app: 'b' } })
  assert.equal(kept.spec.clusterIP, made.spec.clusterIP)
  assert.equal(kept.spec.ports?.[0]?.nodePort, made.spec.ports?.[0]?.nodePort)
  assert.match(
    refusal(() => update(registry, 'a', { ports, clusterIP: '100.64.9.9' })),
    /spec\.clusterIPs\[0\]: Invalid value: .*: may not change once set/,
  )
})

test('to ExternalName the address goes, and back a new one comes', () => {
  const registry = cluster()
  create(registry, 'a', { ports })
  const external = update(registry, 'a', { type: 'ExternalName', externalName: 'example.com' })
  assert.equal(external.spec.clusterIP, undefined)
  const back = update(registry, 'a', { type: 'ClusterIP', ports })
  assert.ok(back.spec.clusterIP)
})

const nodePortsOf = ({ spec }: { spec: ServiceSpec }): (number | undefined)[] =>
  (spec.ports ?? []).map((one) => one.nodePort)

test('a port keeps its node port by its name, and by its number when it is called otherwise', () => {
  const registry = cluster()
  const spec = (...of: [string, number][]): ServiceSpec => ({
    type: 'NodePort',
    ports: of.map(([name, port]) => ({ name, port })),
  })
  const [http, https] = nodePortsOf(create(registry, 'a', spec(['http', 80], ['https', 443])))
  assert.deepEqual(nodePortsOf(update(registry, 'a', spec(['https', 8443], ['http', 8080]))), [https, http])
  assert.deepEqual(nodePortsOf(update(registry, 'a', spec(['tls', 8443], ['web', 8080]))), [https, http])
  const [again, other] = nodePortsOf(update(registry, 'a', spec(['web', 1], ['new', 8080])))
  assert.equal(again, http)
  assert.ok(other !== http && other !== https)
  const taken = update(registry, 'a', {
    type: 'NodePort',
    ports: [
      { name: 'x', port: 1, nodePort: http ?? 0 },
      { name: 'web', port: 2 },
    ],
  })
  assert.notEqual(nodePortsOf(taken)[1], http)
})

test('from type to type, what the new one has no use for goes, and the rest stays', () => {
  const registry = cluster()
  const balancer: ServiceSpec = {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    loadBalancerClass: 'example.com/a',
    ports,
  }
  const first = create(registry, 'a', balancer)
  const { clusterIP } = first.spec
  setStatus(registry, 'a', { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } })

  const nodePort = patch(registry, 'a', { type: 'NodePort' })
  assert.deepEqual(nodePortsOf(nodePort), nodePortsOf(first))
  assert.equal(nodePort.spec.externalTrafficPolicy, 'Local')
  for (const field of ['healthCheckNodePort', 'allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const)
    assert.equal(nodePort.spec[field], undefined, field)
  assert.deepEqual(nodePort.status, { loadBalancer: {} })

  const inside = patch(registry, 'a', { type: 'ClusterIP' })
  assert.deepEqual(nodePortsOf(inside), [undefined])
  assert.equal(inside.spec.externalTrafficPolicy, undefined)
  assert.equal(inside.spec.clusterIP, clusterIP)
  create(registry, 'other', { type: 'NodePort', ports: [{ port: 1, nodePort: nodePortsOf(first)[0] ?? 0 }] })

  const external = patch(registry, 'a', { type: 'ExternalName', externalName: 'example.com' })
  for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy', 'internalTrafficPolicy'] as const)
    assert.equal(external.spec[field], undefined, field)
  create(registry, 'heir', { ports, clusterIP: clusterIP ?? '' })

  const back = patch(registry, 'a', { type: 'LoadBalancer' })
  assert.ok(back.spec.clusterIP && back.spec.clusterIP !== clusterIP)
  assert.ok(nodePortsOf(back)[0])
  assert.equal(back.spec.internalTrafficPolicy, 'Cluster')
})

test('what changes together with the type is a fault, not let go in silence', () => {
  const registry = cluster()
  const rows: [ServiceSpec, ServiceSpec, RegExp][] = [
    [{ type: 'NodePort', ports }, { type: 'ClusterIP', ports: [{ port: 80, nodePort: 31234 }] }, /nodePort: Forbidden/],
    [
      { type: 'LoadBalancer', loadBalancerClass: 'a', ports },
      { type: 'NodePort', loadBalancerClass: 'b' },
      /loadBalancerClass: Forbidden/,
    ],
    [
      { type: 'LoadBalancer', loadBalancerClass: 'a', ports },
      { loadBalancerClass: 'b' },
      /loadBalancerClass: Invalid value: "b": may not change once set/,
    ],
    [
      { type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8'], ports },
      { type: 'NodePort' },
      /loadBalancerSourceRanges: Forbidden/,
    ],
    [
      { type: 'NodePort', ports },
      { type: 'ClusterIP', externalTrafficPolicy: 'Local' },
      /externalTrafficPolicy: Invalid/,
    ],
    [{ ports }, { clusterIP: 'None' }, /spec\.clusterIPs\[0\]: .*may not change once set/],
    [{ ports, clusterIP: 'None' }, { clusterIP: '100.64.9.9' }, /spec\.clusterIPs\[0\]: .*may not change once set/],
    [
      { ports },
      { ipFamilies: ['IPv6'] },
      /clusterIPs\[0\]: .*expected an IPv6 value as indicated by `ipFamilies\[0\]`/,
    ],
  ]
  for (const [at, [from, to, expected]] of rows.entries()) {
    create(registry, `s${at}`, from)
    assert.match(
      refusal(() => patch(registry, `s${at}`, to)),
      expected,
    )
  }
})
