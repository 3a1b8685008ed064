import {
  farPod,
  friend,
  gateway,
  localhost,
  nodeAddress,
  otherAddress,
  otherFarPod,
  pod,
  podA,
  podB,
  podC,
  router,
} from './places.ts'
import { type Feature, type Row, row } from './row.ts'
import { service, slice } from './services.ts'

// Node ports answer at the node's own address and nowhere else (kube-proxy's --nodeport-addresses=primary); senders are masqueraded.

const web = ['100.96.1.3:8080', '100.96.1.4:8080', '100.96.2.2:8080']

export const nodePorts: Feature = {
  services: [
    service(
      'np',
      '100.64.2.20',
      [
        { name: 'http', port: 80, nodePort: 30100 },
        { name: 'dns', port: 53, protocol: 'UDP', nodePort: 30101 },
      ],
      { type: 'NodePort' },
    ),
    service('np-self', '100.64.2.21', [{ name: 'http', port: 80, nodePort: 30102 }], { type: 'NodePort' }),
    service(
      'np-empty',
      '100.64.2.22',
      [
        { name: 'http', port: 80, nodePort: 30103 },
        { name: 'dns', port: 53, protocol: 'UDP', nodePort: 30103 },
      ],
      { type: 'NodePort' },
    ),
    // What the API server would have filled in.
    service('np-none', '100.64.2.23', [{ name: 'http', port: 80 }], { type: 'NodePort' }),
    service('np-far', '100.64.2.24', [{ name: 'http', port: 80, nodePort: 30104 }], { type: 'NodePort' }),
    // Left over from when it was a node port.
    service('np-former', '100.64.2.25', [{ name: 'http', port: 80, nodePort: 30105 }], { type: 'ClusterIP' }),
  ],
  slices: [
    slice('np', [`${podA}@node1`, `${podB}@node1`, `${farPod}@node2`], ['http:8080', 'dns:5353/UDP']),
    slice('np-self', [`${podC}@node1`], ['http:8080']),
    slice('np-none', [`${podA}@node1`], ['http:8080']),
    slice('np-far', [`${farPod}@node2`], ['http:8080']),
    slice('np-former', [`${podA}@node1`], ['http:8080']),
  ],
  rows: [
    row('a machine outside to a node port', friend, '192.168.50.11:30100', web, 'masquerade'),
    row('the router to a node port', router, '192.168.50.11:30100', web, 'masquerade'),
    row('a pod to a node port', pod, '192.168.50.11:30100', web, 'masquerade'),
    row('a pod of another node to a node port', otherFarPod, '192.168.50.11:30104', ['100.96.2.2:8080'], 'masquerade'),
    row('the node to its node port', nodeAddress, '192.168.50.11:30100', web, 'masquerade'),
    row(
      'the node to its node port, from another of its addresses',
      otherAddress,
      '192.168.50.11:30100',
      web,
      'masquerade',
    ),
    row(
      'the node to a node port served elsewhere',
      otherAddress,
      '192.168.50.11:30104',
      ['100.96.2.2:8080'],
      'masquerade',
    ),
    row(
      'a machine outside to a node port served elsewhere',
      friend,
      '192.168.50.11:30104',
      ['100.96.2.2:8080'],
      'masquerade',
    ),
    row('a pod to itself through a node port', podC, '192.168.50.11:30102', ['100.96.1.5:8080'], 'masquerade'),
    row(
      'a node port over UDP',
      friend,
      '192.168.50.11:30101/UDP',
      ['100.96.1.3:5353', '100.96.1.4:5353', '100.96.2.2:5353'],
      'masquerade',
    ),
    row(
      'a pod to a node port over UDP',
      pod,
      '192.168.50.11:30101/UDP',
      ['100.96.1.3:5353', '100.96.1.4:5353', '100.96.2.2:5353'],
      'masquerade',
    ),
    row('the cluster IP of a service with a node port', pod, '100.64.2.20:80', web),
    row('the cluster IP, at the number of the node port', pod, '100.64.2.20:30100', 'reject'),
    row('the node, at the number of the service’s port', friend, '192.168.50.11:80', 'none'),
    row('a node port over another protocol', friend, '192.168.50.11:30100/UDP', 'none'),
    row('a node port that no service has', friend, '192.168.50.11:30199', 'none'),
    row('a machine outside to another address of the node', friend, '192.168.51.11:30100', 'none'),
    row('a pod to another address of the node', pod, '192.168.51.11:30100', 'none'),
    row('the node to another of its addresses', nodeAddress, '192.168.51.11:30100', 'none'),
    row('a pod to its gateway', pod, `${gateway}:30100`, 'none'),
    row('the node to 127.0.0.1', localhost, '127.0.0.1:30100', 'none'),
    row('the node’s own address to 127.0.0.1', nodeAddress, '127.0.0.1:30100', 'none'),
    row('a node port without endpoints, from outside', friend, '192.168.50.11:30103', 'reject'),
    row('a node port without endpoints, from a pod', pod, '192.168.50.11:30103', 'reject'),
    row('a node port without endpoints, from the node', nodeAddress, '192.168.50.11:30103', 'reject'),
    row('a node port without endpoints, over UDP', friend, '192.168.50.11:30103/UDP', 'reject'),
    row('a node port without endpoints, at another address', friend, '192.168.51.11:30103', 'none'),
    row('a service whose node port is not given yet', pod, '100.64.2.23:80', ['100.96.1.3:8080']),
    row('a service that has its node port no longer', friend, '192.168.50.11:30105', 'none'),
  ],
}

/** The same services on a node whose every address answers node ports (nodePortAddresses of 0.0.0.0/0). */
export const everyAddress: readonly Row[] = [
  row('its first address', friend, '192.168.50.11:30100', web, 'masquerade'),
  row('another address', friend, '192.168.51.11:30100', web, 'masquerade'),
  row('another address, from a pod', pod, '192.168.51.11:30100', web, 'masquerade'),
  row('another address, from the node', nodeAddress, '192.168.51.11:30100', web, 'masquerade'),
  row('127.0.0.1', localhost, '127.0.0.1:30100', 'none'),
  row('without endpoints, at another address', friend, '192.168.51.11:30103', 'reject'),
]
