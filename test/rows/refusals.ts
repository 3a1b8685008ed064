import { farPod, friend, nodeAddress, otherAddress, pod, podA } from './places.ts'
import { type Feature, row } from './row.ts'
import { service, slice } from './services.ts'

// The service range is answered for: what no service takes is refused, or, where nobody has the address, dropped.

export const refusals: Feature = {
  services: [
    service('r-live', '100.64.12.20', ['http:80', 'dns:53/UDP']),
    service('r-empty', '100.64.12.21', ['http:80', 'dns:53/UDP', 's1:38412/SCTP']),
    service('r-half', '100.64.12.22', ['http:80', 'admin:81']),
  ],
  slices: [
    slice('r-live', [`${podA}@node1`, `${farPod}@node2`], ['http:8080', 'dns:5353/UDP']),
    slice('r-half', [`${podA}@node1`], ['http:8080']),
  ],
  rows: [
    row('a port that the service does not have', pod, '100.64.12.20:82', 'reject'),
    row('a port that the service does not have, over UDP', pod, '100.64.12.20:82/UDP', 'reject'),
    row('a port that the service does not have, from the node', nodeAddress, '100.64.12.20:82', 'reject'),
    row('a port that the service does not have, from outside', friend, '100.64.12.20:82', 'reject'),
    row('a port that the service does not have, from a pod of another node', farPod, '100.64.12.20:82', 'reject'),
    row('its port over another protocol', pod, '100.64.12.20:80/UDP', 'reject'),
    row('its other port over another protocol', pod, '100.64.12.20:53', 'reject'),
    row('the port of its endpoints', pod, '100.64.12.20:8080', 'reject'),
    row('an address that no service has', pod, '100.64.99.1:80', 'drop'),
    row('an address that no service has, over UDP', pod, '100.64.99.1:53/UDP', 'drop'),
    row('an address that no service has, from the node', nodeAddress, '100.64.99.1:80', 'drop'),
    row('an address that no service has, from another address of the node', otherAddress, '100.64.99.1:80', 'drop'),
    row('an address that no service has, from outside', friend, '100.64.99.1:80', 'drop'),
    row('the first address of the range', pod, '100.64.0.0:80', 'drop'),
    row('the last address of the range', pod, '100.71.255.255:80', 'drop'),
    row('the first address behind the range', pod, '100.72.0.0:80', 'none'),
    row('a service without endpoints', pod, '100.64.12.21:80', 'reject'),
    row('a service without endpoints, over UDP', pod, '100.64.12.21:53/UDP', 'reject'),
    row('a service without endpoints, over SCTP', pod, '100.64.12.21:38412/SCTP', 'reject'),
    row('a service without endpoints, from the node', nodeAddress, '100.64.12.21:80', 'reject'),
    row('a service without endpoints, from the node over UDP', nodeAddress, '100.64.12.21:53/UDP', 'reject'),
    row('a service without endpoints, from outside', friend, '100.64.12.21:80', 'reject'),
    row('a service without endpoints, from outside over UDP', friend, '100.64.12.21:53/UDP', 'reject'),
    row('a service without ready endpoints', pod, '100.64.0.22:80', 'reject'),
    row('a service without ready endpoints, over UDP', pod, '100.64.0.22:53/UDP', 'reject'),
    row('one of its ports has endpoints', pod, '100.64.12.22:80', ['100.96.1.3:8080']),
    row('another of its ports has none', pod, '100.64.12.22:81', 'reject'),
  ],
}
