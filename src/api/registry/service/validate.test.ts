import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceSpec } from '../../objects/service.ts'
import { cluster, create, ports, refusal } from './testing.ts'

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

const balancer = { ports, type: 'LoadBalancer' } as const satisfies ServiceSpec
const onlyBalancers = "may only be used when `type` is 'LoadBalancer'"

test('what is only for services that are reached from outside is refused on others', () => {
  const rows: [ServiceSpec, string][] = [
    [
      { ports, externalTrafficPolicy: 'Local' },
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
    ],
    [
      { ports, type: 'NodePort', externalTrafficPolicy: 'Local', healthCheckNodePort: 30000 },
      "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    ],
    [{ ports, loadBalancerClass: 'a/b' }, `spec.loadBalancerClass: Forbidden: ${onlyBalancers}`],
    [
      { ports, type: 'NodePort', allocateLoadBalancerNodePorts: false },
      `spec.allocateLoadBalancerNodePorts: Forbidden: ${onlyBalancers}`,
    ],
    [{ ports, loadBalancerSourceRanges: ['10.0.0.0/8'] }, `spec.loadBalancerSourceRanges: Forbidden: ${onlyBalancers}`],
    [
      { ports: [{ port: 1, nodePort: 30000 }] },
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ],
    [
      { type: 'ExternalName', externalName: 'a.b', clusterIP: 'None' },
      'spec.clusterIPs: Forbidden: may not be set for ExternalName services',
    ],
    [
      { ...balancer, externalTrafficPolicy: 'local' as 'Local' },
      'spec.externalTrafficPolicy: Unsupported value: "local": supported values: "Cluster", "Local"',
    ],
    [
      { ports, trafficDistribution: 'Near' },
      'spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
    ],
    [
      { ports, clusterIPs: ['100.64.9.9'] },
      'spec.clusterIPs: Invalid value: ["100.64.9.9"]: must be empty when `clusterIP` is not specified',
    ],
    [{ ports, ipFamilies: ['IPv6'] }, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'],
    [
      { ports, clusterIP: 'fd00::1' },
      'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
    ],
    [
      { ports, ipFamilyPolicy: 'RequireDualStack' },
      'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
    ],
  ]
  for (const [spec, expected] of rows)
    assert.equal(
      refusal(() => create(cluster(), 'a', spec)),
      `Service "a" is invalid: ${expected}`,
    )
})

test('an external address is one that packets can be sent to', () => {
  const says = (ip: string): string => refusal(() => create(cluster(), 'a', { ports, externalIPs: ['192.0.2.1', ip] }))
  const rows: [string, RegExp][] = [
    ['0.0.0.0', /unspecified/],
    ['::', /unspecified/],
    ['127.1.2.3', /loopback range/],
    ['::1', /loopback range/],
    ['169.254.169.254', /link-local range/],
    ['fe80::1', /link-local range/],
    ['224.0.0.1', /multicast range/],
    ['239.1.1.1', /multicast range/],
    ['ff0e::1', /multicast range/],
    ['255.255.255.255', /broadcast/],
    ['::ffff:192.0.2.1', /IPv4-mapped/],
    ['192.0.2.01', /must be a valid IP address/],
    ['', /must be a valid IP address/],
  ]
  for (const [ip, expected] of rows) {
    assert.match(says(ip), /spec\.externalIPs\[1\]: Invalid value/)
    assert.match(says(ip), expected, ip)
  }
  create(cluster(), 'a', { ports, externalIPs: ['192.0.2.1', '2001:db8::1', '10.0.0.1'] })
})

test('source ranges are ranges, with blanks and host bits if need be, in the field or in the annotation that came before it', () => {
  const key = 'service.beta.kubernetes.io/load-balancer-source-ranges'
  const field = (...loadBalancerSourceRanges: string[]): unknown =>
    create(cluster(), 'a', { ...balancer, loadBalancerSourceRanges })
  const annotation = (ranges: string, spec: ServiceSpec = balancer): unknown =>
    create(cluster(), 'a', spec, { [key]: ranges })
  field('10.0.0.0/8', ' 192.168.1.5/24 ', '0.0.0.0/0', '2001:db8::/64')
  annotation('10.0.0.0/8, 192.168.1.0/24')
  annotation('')
  const cidr = 'must be a valid CIDR value'
  for (const wrong of ['10.0.0.0', '10.0.0.0/33', '10.0.0/8', '10.0.0.0/08', '::/129', 'any', ''])
    assert.match(
      refusal(() => field('10.0.0.0/8', wrong)),
      new RegExp(`spec\\.loadBalancerSourceRanges\\[1\\]: Invalid value: "${wrong}": ${cidr}`),
    )
  assert.match(
    refusal(() => annotation('10.0.0.0/8,x')),
    new RegExp(`load-balancer-source-ranges\\]: Invalid value: "x": ${cidr}`),
  )
  assert.match(
    refusal(() => annotation('10.0.0.0/8', { ports })),
    /Forbidden: may only be used when/,
  )
})
