import type { ServicePort } from '../../src/api/objects/service.ts'
import { balanced } from './load-balancer.ts'
import { friend, nodeAddress, ownVip, podD, pod, podA, podC, passerBy, stranger } from './places.ts'
import { type Feature, row } from './row.ts'
import { slice } from './services.ts'

// loadBalancerSourceRanges: who may send to a load balancer's address. Node ports and cluster IPs know nothing of them.

const http = (nodePort: number): ServicePort => ({ name: 'http', port: 80, nodePort })
const open = (name: string, ip: string, vip: string, nodePort: number, ranges: string[], external: string[] = []) =>
  balanced(name, ip, [http(nodePort)], [{ ip: vip }], {
    loadBalancerSourceRanges: ranges,
    ...(external.length > 0 ? { externalIPs: external } : {}),
  })

const friends = '192.168.50.64/29'
const served = ['100.96.1.3:8080']

export const sourceRanges: Feature = {
  services: [
    open('sr-for-friends', '100.64.4.20', '203.0.113.50', 30250, [friends], ['198.51.100.50', '203.0.113.50']),
    open('sr-for-pods', '100.64.4.21', '203.0.113.51', 30251, ['100.96.0.0/11']),
    open('sr-for-all', '100.64.4.22', '203.0.113.52', 30252, ['10.0.0.0/8', '0.0.0.0/0']),
    open('sr-for-some', '100.64.4.23', '203.0.113.53', 30253, [
      '192.168.50.90/32',
      ' 192.168.50.77/32 ',
      '100.96.1.0/30',
      '10.0.0.0/8',
    ]),
    open('sr-loose', '100.64.4.24', '203.0.113.54', 30254, ['192.168.50.77/28']),
    open('sr-for-node', '100.64.4.25', ownVip, 30255, ['192.168.50.8/29']),
    open('sr-own', '100.64.4.26', '203.0.113.56', 30256, ['192.168.50.8/29']),
    open('sr-empty', '100.64.4.27', '203.0.113.57', 30257, []),
    open('sr-nobody', '100.64.4.28', '203.0.113.58', 30258, [friends]),
    balanced('sr-shares', '100.64.4.29', ['https:443'], [{ ip: ownVip }], { loadBalancerSourceRanges: [friends] }),
    balanced('sr-kept', '100.64.4.30', [http(30260)], [{ ip: '203.0.113.60' }], {
      loadBalancerSourceRanges: [friends],
      externalTrafficPolicy: 'Local',
    }),
    balanced(
      'sr-voice',
      '100.64.4.31',
      [
        { name: 'udp', port: 53, protocol: 'UDP' },
        { name: 'sctp', port: 80, protocol: 'SCTP' },
      ],
      [{ ip: '203.0.113.61' }],
      { loadBalancerSourceRanges: [friends] },
    ),
  ],
  slices: [
    ...[
      'sr-for-friends',
      'sr-for-pods',
      'sr-for-all',
      'sr-for-some',
      'sr-loose',
      'sr-for-node',
      'sr-own',
      'sr-empty',
      'sr-kept',
    ].map((of) => slice(of, [`${podA}@node1`], ['http:8080'])),
    slice('sr-shares', [`${podC}@node1`], ['https:8080']),
    slice('sr-voice', [`${podA}@node1`], ['udp:5353/UDP', 'sctp:38412/SCTP']),
  ],
  rows: [
    row('a machine in the ranges', friend, '203.0.113.50:80', served, 'masquerade'),
    row('a machine beside the ranges', stranger, '203.0.113.50:80', 'drop'),
    row('a passer-by, beside the ranges', passerBy, '203.0.113.50:80', 'drop'),
    row('a pod beside the ranges', pod, '203.0.113.50:80', 'drop'),
    row('the node beside the ranges', nodeAddress, '203.0.113.50:80', 'drop'),
    row('a machine beside the ranges to the node port', stranger, '192.168.50.11:30250', served, 'masquerade'),
    row('a pod beside the ranges to the node port', pod, '192.168.50.11:30250', served, 'masquerade'),
    row('a pod beside the ranges to the cluster IP', pod, '100.64.4.20:80', served),
    row(
      'a machine beside the ranges to an external IP of the service',
      stranger,
      '198.51.100.50:80',
      served,
      'masquerade',
    ),
    row('a machine beside the ranges to a port without them', stranger, '203.0.113.50:81', 'none'),
    row('pods in the ranges', pod, '203.0.113.51:80', served, 'masquerade'),
    row('another pod in the ranges', podD, '203.0.113.51:80', served, 'masquerade'),
    row('a machine, where only pods are in the ranges', friend, '203.0.113.51:80', 'drop'),
    row('everybody in the ranges', stranger, '203.0.113.52:80', served, 'masquerade'),
    row('one range of several, a single address', passerBy, '203.0.113.53:80', served, 'masquerade'),
    row('another of several, with blanks around it', stranger, '203.0.113.53:80', served, 'masquerade'),
    row('another of several, of another length', pod, '203.0.113.53:80', served, 'masquerade'),
    row('beside all of several', friend, '203.0.113.53:80', 'drop'),
    row('a range with host bits: inside', friend, '203.0.113.54:80', served, 'masquerade'),
    row('a range with host bits: beside', passerBy, '203.0.113.54:80', 'drop'),
    row('the node in the ranges', nodeAddress, '203.0.113.56:80', served, 'masquerade'),
    row('a machine, where the node is in the ranges', friend, '203.0.113.56:80', 'drop'),
    row(
      'the node in the ranges, from the load balancer’s address, which it has',
      ownVip,
      '203.0.113.40:80',
      served,
      'masquerade',
    ),
    row(
      'the node beside the ranges, from the load balancer’s address, which it has',
      ownVip,
      '203.0.113.40:443',
      'drop',
    ),
    row(
      'a machine in the ranges to the address that the node has',
      friend,
      '203.0.113.40:443',
      ['100.96.1.5:8080'],
      'masquerade',
    ),
    row('an empty list of ranges', stranger, '203.0.113.57:80', served, 'masquerade'),
    row('no endpoints, in the ranges', friend, '203.0.113.58:80', 'reject'),
    row('no endpoints, beside the ranges', stranger, '203.0.113.58:80', 'drop'),
    row('in the ranges of a service that keeps to the node', friend, '203.0.113.60:80', served),
    row('beside the ranges of a service that keeps to the node', stranger, '203.0.113.60:80', 'drop'),
    row('a pod beside the ranges of a service that keeps to the node', pod, '203.0.113.60:80', 'drop'),
    row('over UDP, in the ranges', friend, '203.0.113.61:53/UDP', ['100.96.1.3:5353'], 'masquerade'),
    row('over UDP, beside the ranges', stranger, '203.0.113.61:53/UDP', 'drop'),
    row('over SCTP, in the ranges', friend, '203.0.113.61:80/SCTP', ['100.96.1.3:38412'], 'masquerade'),
    row('over SCTP, beside the ranges', stranger, '203.0.113.61:80/SCTP', 'drop'),
  ],
}
