import { farPod, friend, nodeAddress, otherAddress, otherFarPod, pod, podA, podB, podC, router } from './places.ts'
import { type Feature, type Row, row } from './row.ts'
import { service, slice } from './services.ts'

// Whom an endpoint sees. Cluster IPs: the sender itself, but for a pod that reaches itself and for senders outside the pods' range.

export const masquerades: Feature = {
  services: [
    service('m-here', '100.64.11.20', ['http:80', 'dns:53/UDP']),
    service('m-there', '100.64.11.21', ['http:80']),
    service('m-three', '100.64.11.22', ['http:80']),
    service('m-node', '100.64.11.23', ['http:80']),
    service('m-outside', '100.64.11.24', ['http:80']),
  ],
  slices: [
    slice('m-here', [`${podC}@node1`], ['http:8080', 'dns:5353/UDP']),
    slice('m-there', [`${farPod}@node2`], ['http:8080']),
    slice('m-three', [`${podA}@node1`, `${podB}@node1`, `${podC}@node1`], ['http:8080']),
    slice('m-node', [`${nodeAddress}@node1`], ['http:9090']),
    slice('m-outside', [router], ['http:9090']),
  ],
  rows: [
    row('a pod to another one', pod, '100.64.11.20:80', ['100.96.1.5:8080']),
    row('a pod to one of another node', pod, '100.64.11.21:80', ['100.96.2.2:8080']),
    row('a pod of another node to one here', otherFarPod, '100.64.11.20:80', ['100.96.1.5:8080']),
    row('a pod to itself', podC, '100.64.11.20:80', ['100.96.1.5:8080'], 'masquerade'),
    row('a pod to itself over UDP', podC, '100.64.11.20:53/UDP', ['100.96.1.5:5353'], 'masquerade'),
    row('a pod past the service', pod, '100.96.1.5:8080', 'none'),
    row('the node to a pod here', nodeAddress, '100.64.11.20:80', ['100.96.1.5:8080'], 'masquerade'),
    row(
      'the node to a pod here, from another address',
      otherAddress,
      '100.64.11.20:80',
      ['100.96.1.5:8080'],
      'masquerade',
    ),
    row('the node to a pod elsewhere', otherAddress, '100.64.11.21:80', ['100.96.2.2:8080'], 'masquerade'),
    row('a machine outside to a pod here', friend, '100.64.11.20:80', ['100.96.1.5:8080'], 'masquerade'),
    row('a machine outside to a pod elsewhere', friend, '100.64.11.21:80', ['100.96.2.2:8080'], 'masquerade'),
    row('the router to a pod elsewhere', router, '100.64.0.25:80', ['100.96.2.2:8080'], 'masquerade'),
    row('a pod to a service of the node itself', pod, '100.64.11.23:80', ['192.168.50.11:9090']),
    row('the node to a service of its own', nodeAddress, '100.64.11.23:80', ['192.168.50.11:9090'], 'masquerade'),
    row('a pod to a service of a machine outside', pod, '100.64.11.24:80', ['192.168.50.1:9090']),
  ],
}

/** The same services with masqueradeAll. Who is at an external address decides as before. */
export const masqueradeAll: readonly Row[] = [
  row('a pod to another one', pod, '100.64.11.20:80', ['100.96.1.5:8080'], 'masquerade'),
  row('a pod to another one over UDP', pod, '100.64.11.20:53/UDP', ['100.96.1.5:5353'], 'masquerade'),
  row('a pod to one of another node', pod, '100.64.11.21:80', ['100.96.2.2:8080'], 'masquerade'),
  row('a pod to itself', podC, '100.64.11.20:80', ['100.96.1.5:8080'], 'masquerade'),
  row('the node', nodeAddress, '100.64.11.20:80', ['100.96.1.5:8080'], 'masquerade'),
  row('a machine outside', friend, '100.64.11.20:80', ['100.96.1.5:8080'], 'masquerade'),
  row('a pod past the service', pod, '100.96.1.5:8080', 'none'),
  row('from outside to a load balancer that keeps to the node', friend, '203.0.113.120:80', ['100.96.1.3:8080']),
  row('a pod to a load balancer that keeps to the node', pod, '203.0.113.121:80', ['100.96.2.2:8080']),
]
