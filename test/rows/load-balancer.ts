import type { Service, ServicePort, ServiceSpec } from '../../src/api/objects/service.ts'
import { friend, nodeAddress, pod, podA, podB, podC, farPod, passerBy, stranger } from './places.ts'
import { type Feature, row } from './row.ts'
import { service, slice } from './services.ts'

// Load balancers' addresses are caught on the node (KEP-1860: not those of ipMode Proxy, which must reach the load balancer).

type Ingress = NonNullable<NonNullable<Service['status']>['loadBalancer']>['ingress']

/** A service of type LoadBalancer whose load balancer has these addresses. */
export function balanced(
  name: string,
  clusterIP: string,
  ports: readonly (ServicePort | string)[],
  ingress: Ingress & object,
  spec: ServiceSpec = {},
): Service {
  const made = service(name, clusterIP, ports, { type: 'LoadBalancer', ...spec })
  return { ...made, status: { loadBalancer: { ingress } } }
}

const both = ['100.96.1.3:8080', '100.96.2.2:8080']
const http = (nodePort: number): ServicePort => ({ name: 'http', port: 80, nodePort })

export const loadBalancers: Feature = {
  services: [
    balanced(
      'lb',
      '100.64.3.20',
      [http(30200), { name: 'dns', port: 53, protocol: 'UDP', nodePort: 30200 }],
      [{ ip: '203.0.113.20' }],
    ),
    balanced('lb-vip', '100.64.3.21', [http(30201)], [{ ip: '203.0.113.21', ipMode: 'VIP' }]),
    balanced('lb-proxy', '100.64.3.22', [http(30202)], [{ ip: '203.0.113.22', ipMode: 'Proxy' }]),
    balanced(
      'lb-two',
      '100.64.3.23',
      [http(30203)],
      [{ ip: '203.0.113.23', ipMode: 'Proxy' }, { ip: '203.0.113.24' }, { ip: '203.0.113.25', ipMode: 'VIP' }],
    ),
    balanced('lb-named', '100.64.3.24', ['http:80'], [{ hostname: 'lb.example.org' }], {
      allocateLoadBalancerNodePorts: false,
    }),
    balanced(
      'lb-empty',
      '100.64.3.25',
      [http(30205), { name: 'dns', port: 53, protocol: 'UDP' }],
      [{ ip: '203.0.113.26' }],
    ),
    balanced('lb-self', '100.64.3.26', [http(30206)], [{ ip: '203.0.113.27' }]),
    balanced('lb-soon', '100.64.3.27', [http(30207)], []),
    // Only a load balancer's status counts.
    {
      ...service('lb-former', '100.64.3.28', ['http:80']),
      status: { loadBalancer: { ingress: [{ ip: '203.0.113.28' }] } },
    },
    // Two services may share an address, each with its port.
    balanced('lb-shared-a', '100.64.3.29', ['http:80'], [{ ip: '203.0.113.29' }]),
    balanced('lb-shared-b', '100.64.3.30', ['https:443'], [{ ip: '203.0.113.29' }]),
  ],
  slices: [
    slice('lb', [`${podA}@node1`, `${farPod}@node2`], ['http:8080', 'dns:5353/UDP']),
    ...['lb-vip', 'lb-proxy', 'lb-two', 'lb-named', 'lb-soon', 'lb-former', 'lb-shared-a'].map((of) =>
      slice(of, [`${podA}@node1`], ['http:8080']),
    ),
    slice('lb-self', [`${podC}@node1`], ['http:8080']),
    slice('lb-shared-b', [`${podB}@node1`], ['https:8080']),
  ],
  rows: [
    row('a machine outside to a load balancer', friend, '203.0.113.20:80', both, 'masquerade'),
    row('a passer-by to a load balancer', passerBy, '203.0.113.21:80', ['100.96.1.3:8080'], 'masquerade'),
    row('a pod to a load balancer', pod, '203.0.113.20:80', both, 'masquerade'),
    row('the node to a load balancer', nodeAddress, '203.0.113.20:80', both, 'masquerade'),
    row(
      'a load balancer over UDP',
      friend,
      '203.0.113.20:53/UDP',
      ['100.96.1.3:5353', '100.96.2.2:5353'],
      'masquerade',
    ),
    row('the node port of a load balancer’s service', stranger, '192.168.50.11:30200', both, 'masquerade'),
    row('the cluster IP of a load balancer’s service', pod, '100.64.3.20:80', both),
    row('a port that the load balancer does not have', pod, '203.0.113.20:81', 'none'),
    row('its port over another protocol', pod, '203.0.113.20:80/UDP', 'none'),
    row('an address of mode VIP', friend, '203.0.113.21:80', ['100.96.1.3:8080'], 'masquerade'),
    row('an address of mode Proxy', pod, '203.0.113.22:80', 'none'),
    row('an address of mode Proxy, from the node', nodeAddress, '203.0.113.22:80', 'none'),
    row('an address of mode Proxy, from outside', friend, '203.0.113.22:80', 'none'),
    row(
      'the node port behind an address of mode Proxy',
      friend,
      '192.168.50.11:30202',
      ['100.96.1.3:8080'],
      'masquerade',
    ),
    row('of several addresses, the one of mode Proxy', pod, '203.0.113.23:80', 'none'),
    row('of several addresses, the one without a mode', pod, '203.0.113.24:80', ['100.96.1.3:8080'], 'masquerade'),
    row('of several addresses, the one of mode VIP', pod, '203.0.113.25:80', ['100.96.1.3:8080'], 'masquerade'),
    row('the cluster IP behind a load balancer with a name', pod, '100.64.3.24:80', ['100.96.1.3:8080']),
    row('a load balancer without endpoints, from a pod', pod, '203.0.113.26:80', 'reject'),
    row('a load balancer without endpoints, from the node', nodeAddress, '203.0.113.26:80', 'reject'),
    row('a load balancer without endpoints, from outside', friend, '203.0.113.26:80', 'reject'),
    row('a load balancer without endpoints, over UDP', friend, '203.0.113.26:53/UDP', 'reject'),
    row('a pod to itself through a load balancer', podC, '203.0.113.27:80', ['100.96.1.5:8080'], 'masquerade'),
    row('a load balancer that has no address yet', friend, '192.168.50.11:30207', ['100.96.1.3:8080'], 'masquerade'),
    row('an address from the time as a load balancer', pod, '203.0.113.28:80', 'none'),
    row('the one service of a shared address', pod, '203.0.113.29:80', ['100.96.1.3:8080'], 'masquerade'),
    row('the other service of a shared address', pod, '203.0.113.29:443', ['100.96.1.4:8080'], 'masquerade'),
  ],
}
