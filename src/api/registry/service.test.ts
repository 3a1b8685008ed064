import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiError } from '../client/client.ts'
import type { AnyObject } from '../json.ts'
import type { Service, ServiceSpec } from '../objects/service.ts'
import { resources } from '../resources.ts'
import { Store } from '../store/store.ts'
import { bootstrap } from './bootstrap.ts'
import { Registry } from './registry.ts'

function cluster(serviceCidr = '100.64.0.0/13', store: Store = new Store()): Registry {
  const registry = new Registry({ store, serviceCidr })
  bootstrap(registry)
  return registry
}

function service(name: string, spec: ServiceSpec): AnyObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: structuredClone(spec),
  }
}

function create(registry: Registry, name: string, spec: ServiceSpec): Service {
  return registry.create(resources.Service, service(name, structuredClone(spec))) as unknown as Service
}

function refusal(body: () => unknown): string {
  try {
    body()
  } catch (error) {
    return (error as ApiError).message
  }
  return assert.fail('it was not refused')
}

const ports = [{ port: 80 }]

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
  const now = registry.find(resources.Service, 'a', 'default') as unknown as Service
  const back = registry.update(
    resources.Service,
    service('a', { ...structuredClone(now.spec), type: 'ClusterIP' }),
  ) as unknown as Service
  assert.deepEqual(
    back.spec.ports?.map((one) => one.nodePort),
    [undefined, undefined, undefined],
  )
  assert.equal(
    create(registry, 'b', { type: 'NodePort', ports: [{ port: 1, nodePort: web ?? 0 }] }).spec.ports?.[0]?.nodePort,
    web,
  )
})

test('an update keeps the address and node ports that it does not speak of, and cannot change the address', () => {
  const registry = cluster()
  const made = create(registry, 'a', { type: 'NodePort', ports })
  const kept = registry.update(
    resources.Service,
    service('a', { type: 'NodePort', ports, selector: { app: 'b' } }),
  ) as unknown as Service
  assert.equal(kept.spec.clusterIP, made.spec.clusterIP)
  assert.equal(kept.spec.ports?.[0]?.nodePort, made.spec.ports?.[0]?.nodePort)
  assert.match(
    refusal(() => registry.update(resources.Service, service('a', { ports, clusterIP: '100.64.9.9' }))),
    /spec\.clusterIPs\[0\]: Invalid value: .*: may not change once set/,
  )
})

test('to ExternalName the address goes, and back a new one comes', () => {
  const registry = cluster()
  create(registry, 'a', { ports })
  const external = registry.update(
    resources.Service,
    service('a', { type: 'ExternalName', externalName: 'example.com' }),
  ) as unknown as Service
  assert.equal(external.spec.clusterIP, undefined)
  const back = registry.update(resources.Service, service('a', { type: 'ClusterIP', ports })) as unknown as Service
  assert.ok(back.spec.clusterIP)
})

test('faults name the field, the value and the rule', () => {
  const registry = cluster()
  const rows: [ServiceSpec, string | RegExp][] = [
    [{}, 'spec.ports: Required value'],
    [{ ports: [{ port: 70000 }] }, 'spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    [{ ports: [{ port: 1 }, { port: 2, name: 'b' }] }, 'spec.ports[0].name: Required value'],
    [
      {
        ports: [
          { port: 1, name: 'a' },
          { port: 2, name: 'a' },
        ],
      },
      'spec.ports[1].name: Duplicate value: "a"',
    ],
    [
      {
        ports: [
          { port: 1, name: 'a' },
          { port: 1, name: 'b' },
        ],
      },
      'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":1}',
    ],
    [
      { ports: [{ port: 1, protocol: 'ICMP' as 'TCP' }] },
      'spec.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"',
    ],
    [
      { ports: [{ port: 1, targetPort: 'A' }] },
      /spec\.ports\[0\]\.targetPort: Invalid value: "A": must contain only alpha-numeric characters/,
    ],
    [
      { ports, type: 'X' as 'ClusterIP' },
      'spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      { ports, type: 'NodePort', clusterIP: 'None' },
      'spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services',
    ],
    [{ type: 'ExternalName' }, 'spec.externalName: Required value'],
    [{ ports, externalIPs: ['127.0.0.1'] }, /spec\.externalIPs\[0\]: Invalid value: "127\.0\.0\.1": may not be/],
    [
      { ports, sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
      /sessionAffinityConfig\.clientIP\.timeoutSeconds: Invalid value: 0/,
    ],
  ]
  for (const [spec, expected] of rows) {
    const said = refusal(() => create(registry, 'a', spec))
    if (typeof expected === 'string') assert.equal(said, `Service "a" is invalid: ${expected}`)
    else assert.match(said, expected)
  }
})
