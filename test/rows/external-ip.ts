import { farPod, friend, nodeAddress, pod, podA, podB, podC, stranger } from './places.ts'
import { type Feature, row } from './row.ts'
import { service, slice } from './services.ts'

// spec.externalIPs: whatever the service's type, packets to them are served where they come by.

const both = ['100.96.1.3:8080', '100.96.2.2:8080']
const since = (made: ReturnType<typeof service>, creationTimestamp: string) => ({
  ...made,
  metadata: { ...made.metadata, creationTimestamp },
})

export const externalIPs: Feature = {
  services: [
    service('ext', '100.64.5.20', ['http:80', 'dns:53/UDP'], { externalIPs: ['198.51.100.20', '198.51.100.21'] }),
    service('ext-empty', '100.64.5.21', ['http:80', 'dns:53/UDP'], { externalIPs: ['198.51.100.22'] }),
    service('ext-self', '100.64.5.22', ['http:80'], { externalIPs: ['198.51.100.23'] }),
    service('ext-local', '100.64.5.23', ['http:80'], {
      externalIPs: ['198.51.100.24'],
      externalTrafficPolicy: 'Local',
    }),
    service('ext-own', '100.64.5.24', ['http:8888'], { externalIPs: [nodeAddress] }),
    service('ext-shared-a', '100.64.5.25', ['http:80'], { externalIPs: ['198.51.100.25'] }),
    service('ext-shared-b', '100.64.5.26', ['https:443'], { externalIPs: ['198.51.100.25'] }),
    since(service('ext-young', '100.64.5.27', ['http:80'], { externalIPs: ['198.51.100.26'] }), '2026-02-01T00:00:00Z'),
    since(service('ext-old', '100.64.5.28', ['http:80'], { externalIPs: ['198.51.100.26'] }), '2026-01-01T00:00:00Z'),
    // Not even the oldest service may take another's cluster IP (CVE-2020-8554), or the address of a pod.
    since(
      service('ext-thief', '100.64.5.29', ['http:80'], { externalIPs: ['100.64.5.20', '100.96.1.4'] }),
      '2025-01-01T00:00:00Z',
    ),
  ],
  slices: [
    slice('ext', [`${podA}@node1`, `${farPod}@node2`], ['http:8080', 'dns:5353/UDP']),
    slice('ext-self', [`${podC}@node1`], ['http:8080']),
    slice('ext-local', [`${podA}@node1`, `${farPod}@node2`], ['http:8080']),
    slice('ext-own', [`${podA}@node1`], ['http:8080']),
    ...['ext-shared-a', 'ext-young'].map((of) => slice(of, [`${podA}@node1`], ['http:8080'])),
    slice('ext-shared-b', [`${podB}@node1`], ['https:8080']),
    slice('ext-old', [`${podB}@node1`], ['http:8080']),
    slice('ext-thief', [`${podC}@node1`], ['http:8080']),
  ],
  rows: [
    row('a machine outside to an external IP', friend, '198.51.100.20:80', both, 'masquerade'),
    row('a machine outside to another one of the service', stranger, '198.51.100.21:80', both, 'masquerade'),
    row('a pod to an external IP', pod, '198.51.100.20:80', both, 'masquerade'),
    row('the node to an external IP', nodeAddress, '198.51.100.20:80', both, 'masquerade'),
    row('an external IP over UDP', pod, '198.51.100.20:53/UDP', ['100.96.1.3:5353', '100.96.2.2:5353'], 'masquerade'),
    row('a port that it does not have', pod, '198.51.100.20:81', 'none'),
    row('the cluster IP of a service with external IPs', pod, '100.64.5.20:80', both),
    row('an external IP without endpoints, from a pod', pod, '198.51.100.22:80', 'reject'),
    row('an external IP without endpoints, from the node', nodeAddress, '198.51.100.22:80', 'reject'),
    row('an external IP without endpoints, from outside', friend, '198.51.100.22:80', 'reject'),
    row('an external IP without endpoints, over UDP', pod, '198.51.100.22:53/UDP', 'reject'),
    row('a pod to itself through an external IP', podC, '198.51.100.23:80', ['100.96.1.5:8080'], 'masquerade'),
    row('an external IP that keeps to the node, from outside', friend, '198.51.100.24:80', ['100.96.1.3:8080']),
    row('an external IP that keeps to the node, from a pod', pod, '198.51.100.24:80', both),
    row('an external IP that keeps to the node, from the node', nodeAddress, '198.51.100.24:80', both, 'masquerade'),
    row('the node’s own address as an external IP', friend, '192.168.50.11:8888', ['100.96.1.3:8080'], 'masquerade'),
    row(
      'the node’s own address as an external IP, from the node',
      nodeAddress,
      '192.168.50.11:8888',
      ['100.96.1.3:8080'],
      'masquerade',
    ),
    row('the one service of a shared external IP', pod, '198.51.100.25:80', ['100.96.1.3:8080'], 'masquerade'),
    row('the other service of a shared external IP', pod, '198.51.100.25:443', ['100.96.1.4:8080'], 'masquerade'),
    row(
      'the same external IP and port twice: the older service',
      pod,
      '198.51.100.26:80',
      ['100.96.1.4:8080'],
      'masquerade',
    ),
    row('the cluster IP of the younger one', pod, '100.64.5.27:80', ['100.96.1.3:8080']),
    row('a pod’s address as an external IP', pod, '100.96.1.4:80', 'none'),
  ],
}
