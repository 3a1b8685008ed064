import { farPod, friend, nodeAddress, pod, podA, podB, podC, podD } from './places.ts'
import { type Feature, row } from './row.ts'
import { service, slice } from './services.ts'

// TCP, UDP and SCTP are told apart everywhere.

export const protocols: Feature = {
  services: [
    service('both', '100.64.1.20', ['tcp:53', 'udp:53/UDP']),
    service('three', '100.64.1.21', ['tcp:80', 'udp:80/UDP', 'sctp:80/SCTP']),
    service('telephony', '100.64.1.22', ['s1:38412/SCTP']),
    service('far-telephony', '100.64.1.23', ['s1:38412/SCTP']),
    service('own-telephony', '100.64.1.24', ['s1:38412/SCTP']),
    service(
      'ported',
      '100.64.1.25',
      [
        { name: 'tcp', port: 80, protocol: 'TCP', nodePort: 30150 },
        { name: 'udp', port: 80, protocol: 'UDP', nodePort: 30150 },
        { name: 'sctp', port: 80, protocol: 'SCTP', nodePort: 30150 },
      ],
      { type: 'NodePort' },
    ),
  ],
  slices: [
    slice('both', [`${podA}@node1`], ['tcp:8080', 'udp:5353/UDP']),
    slice('three', [`${podA}@node1`], ['tcp:8080'], 'three-tcp'),
    slice('three', [`${podB}@node1`], ['udp:5353/UDP'], 'three-udp'),
    slice('three', [`${podC}@node1`], ['sctp:38412/SCTP'], 'three-sctp'),
    slice('telephony', [`${podA}@node1`, `${podB}@node1`, `${farPod}@node2`], ['s1:38412/SCTP']),
    slice('far-telephony', [`${farPod}@node2`], ['s1:38413/SCTP']),
    slice('own-telephony', [`${podD}@node1`], ['s1:38412/SCTP']),
    slice('ported', [`${podA}@node1`], ['tcp:8080', 'udp:5353/UDP', 'sctp:38412/SCTP']),
  ],
  rows: [
    row('one port with two protocols, over TCP', pod, '100.64.1.20:53', ['100.96.1.3:8080']),
    row('one port with two protocols, over UDP', pod, '100.64.1.20:53/UDP', ['100.96.1.3:5353']),
    row('one port with two protocols, over the third', pod, '100.64.1.20:53/SCTP', 'reject'),
    row('one port with three protocols, over TCP', pod, '100.64.1.21:80', ['100.96.1.3:8080']),
    row('one port with three protocols, over UDP', pod, '100.64.1.21:80/UDP', ['100.96.1.4:5353']),
    row('one port with three protocols, over SCTP', pod, '100.64.1.21:80/SCTP', ['100.96.1.5:38412']),
    row('a service over SCTP', pod, '100.64.1.22:38412/SCTP', [
      '100.96.1.3:38412',
      '100.96.1.4:38412',
      '100.96.2.2:38412',
    ]),
    row('a service over SCTP, asked over TCP', pod, '100.64.1.22:38412', 'reject'),
    row('a service over SCTP on another node, with another port', pod, '100.64.1.23:38412/SCTP', ['100.96.2.2:38413']),
    row('a pod to itself over SCTP', podD, '100.64.1.24:38412/SCTP', ['100.96.1.6:38412'], 'masquerade'),
    row('the node over SCTP', nodeAddress, '100.64.1.24:38412/SCTP', ['100.96.1.6:38412'], 'masquerade'),
    row('SCTP to a port that the service does not have', pod, '100.64.1.22:38413/SCTP', 'reject'),
    row('SCTP to an address that no service has', pod, '100.64.99.99:38412/SCTP', 'drop'),
    row('a node port over TCP', friend, '192.168.50.11:30150', ['100.96.1.3:8080'], 'masquerade'),
    row('a node port over UDP', friend, '192.168.50.11:30150/UDP', ['100.96.1.3:5353'], 'masquerade'),
    row('a node port over SCTP', friend, '192.168.50.11:30150/SCTP', ['100.96.1.3:38412'], 'masquerade'),
  ],
}
