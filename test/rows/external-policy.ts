import type { ServicePort, Service, ServiceSpec } from '../../src/api/objects/service.ts'
import { balanced } from './load-balancer.ts'
import { farPod, friend, nodeAddress, otherAddress, otherFarPod, pod, podA, podC, router } from './places.ts'
import { type Feature, row } from './row.ts'
import { leaving, service, slice } from './services.ts'

// externalTrafficPolicy Local: who comes from outside gets an endpoint of this node, and keeps its address. Pods and the node itself
// go the Cluster way, as if they had gone out to the load balancer and come back; the node is masqueraded, for its address may be the
// load balancer's. Endpoints for either way are chosen on their own.

const http = (nodePort: number): ServicePort => ({ name: 'http', port: 80, nodePort })
const keeping = (name: string, at: number, spec: ServiceSpec = {}): Service =>
  balanced(name, `100.64.6.${at}`, [http(30300 + at)], [{ ip: `203.0.113.${100 + at}` }], {
    externalTrafficPolicy: 'Local',
    ...spec,
  })

const here = ['100.96.1.3:8080']
const there = ['100.96.2.2:8080']
const both = [...here, ...there]

export const externalPolicies: Feature = {
  services: [
    keeping('et-both', 20),
    keeping('et-there', 21),
    keeping('et-here', 22),
    keeping('et-leaving-here', 23),
    keeping('et-none', 24),
    keeping('et-all-leaving', 25),
    keeping('et-leaving-there', 26),
    keeping('et-self', 27),
    keeping('et-and-it', 28, { internalTrafficPolicy: 'Local' }),
    keeping('et-and-it-there', 29, { internalTrafficPolicy: 'Local' }),
    keeping('et-cluster', 30, { externalTrafficPolicy: 'Cluster', internalTrafficPolicy: 'Local' }),
    keeping('et-sticky', 31, { sessionAffinity: 'ClientIP' }),
    // Without an address for the outside the policy says nothing.
    service('et-inside', '100.64.6.32', ['http:80'], { externalTrafficPolicy: 'Local' }),
    // Pods that are not ready do not count as being anywhere.
    keeping('et-unready', 33),
  ],
  slices: [
    ...['et-both', 'et-and-it', 'et-cluster', 'et-sticky'].map((of) =>
      slice(of, [`${podA}@node1`, `${farPod}@node2`], ['http:8080']),
    ),
    ...['et-there', 'et-and-it-there', 'et-inside'].map((of) => slice(of, [`${farPod}@node2`], ['http:8080'])),
    slice('et-here', [`${podA}@node1`], ['http:8080']),
    slice('et-leaving-here', [leaving(`${podA}@node1`), `${farPod}@node2`], ['http:8080']),
    slice('et-all-leaving', [leaving(`${podA}@node1`)], ['http:8080']),
    slice('et-leaving-there', [leaving(`${farPod}@node2`)], ['http:8080']),
    slice('et-self', [`${podC}@node1`], ['http:8080']),
    slice(
      'et-unready',
      [{ addresses: [podA], nodeName: 'node1', conditions: { ready: false, serving: false } }],
      ['http:8080'],
    ),
  ],
  rows: [
    row('endpoints here and elsewhere, from outside to the load balancer', friend, '203.0.113.120:80', here),
    row('endpoints here and elsewhere, from outside to the node port', router, '192.168.50.11:30320', here),
    row('endpoints here and elsewhere, from a pod to the load balancer', pod, '203.0.113.120:80', both),
    row('the same, from a pod of another node to this one', otherFarPod, '192.168.50.11:30320', both, 'masquerade'),
    row('a pod of another node that is the endpoint', farPod, '192.168.50.11:30321', there, 'masquerade'),
    row('endpoints here and elsewhere, from a pod to the node port', pod, '192.168.50.11:30320', both),
    row(
      'endpoints here and elsewhere, from the node to the load balancer',
      nodeAddress,
      '203.0.113.120:80',
      both,
      'masquerade',
    ),
    row(
      'endpoints here and elsewhere, from the node to the node port',
      nodeAddress,
      '192.168.50.11:30320',
      both,
      'masquerade',
    ),
    row('endpoints here and elsewhere, to the cluster IP', pod, '100.64.6.20:80', both),
    row('endpoints here and elsewhere, from outside to the cluster IP', friend, '100.64.6.20:80', both, 'masquerade'),
    row('endpoints elsewhere only, from outside to the load balancer', friend, '203.0.113.121:80', 'drop'),
    row('endpoints elsewhere only, from outside to the node port', friend, '192.168.50.11:30321', 'drop'),
    row('endpoints elsewhere only, from a pod', pod, '203.0.113.121:80', there),
    row('endpoints elsewhere only, from a pod to the node port', pod, '192.168.50.11:30321', there),
    row('endpoints elsewhere only, from the node', otherAddress, '203.0.113.121:80', there, 'masquerade'),
    row('endpoints elsewhere only, to the cluster IP', pod, '100.64.6.21:80', there),
    row('endpoints here only, from outside', friend, '203.0.113.122:80', here),
    row('endpoints here only, from a pod', pod, '203.0.113.122:80', here),
    row('endpoints here only, from the node', nodeAddress, '203.0.113.122:80', here, 'masquerade'),
    row('a leaving endpoint here and a ready one elsewhere, from outside', friend, '203.0.113.123:80', here),
    row('a leaving endpoint here and a ready one elsewhere, from a pod', pod, '203.0.113.123:80', there),
    row(
      'a leaving endpoint here and a ready one elsewhere, from the node',
      otherAddress,
      '203.0.113.123:80',
      there,
      'masquerade',
    ),
    row('a leaving endpoint here and a ready one elsewhere, to the cluster IP', pod, '100.64.6.23:80', there),
    row('no endpoints, from outside to the load balancer', friend, '203.0.113.124:80', 'reject'),
    row('no endpoints, from outside to the node port', friend, '192.168.50.11:30324', 'reject'),
    row('no endpoints, from a pod', pod, '203.0.113.124:80', 'reject'),
    row('no endpoints, from the node', nodeAddress, '203.0.113.124:80', 'reject'),
    row('only a leaving endpoint, here, from outside', friend, '203.0.113.125:80', here),
    row('only a leaving endpoint, here, from a pod', pod, '203.0.113.125:80', here),
    row('only a leaving endpoint, elsewhere, from outside', friend, '203.0.113.126:80', 'drop'),
    row('only a leaving endpoint, elsewhere, from a pod', pod, '203.0.113.126:80', there),
    row('only a leaving endpoint, elsewhere, from the node', otherAddress, '203.0.113.126:80', there, 'masquerade'),
    row('a pod to itself through the load balancer', podC, '203.0.113.127:80', ['100.96.1.5:8080'], 'masquerade'),
    row('a pod to itself through the node port', podC, '192.168.50.11:30327', ['100.96.1.5:8080'], 'masquerade'),
    row('both policies, from outside', friend, '203.0.113.128:80', here),
    row('both policies, from a pod to the load balancer', pod, '203.0.113.128:80', both),
    row('both policies, from a pod to the cluster IP', pod, '100.64.6.28:80', here),
    row('both policies, endpoints elsewhere, from outside', friend, '203.0.113.129:80', 'drop'),
    row('both policies, endpoints elsewhere, from a pod to the load balancer', pod, '203.0.113.129:80', there),
    row('both policies, endpoints elsewhere, from a pod to the cluster IP', pod, '100.64.6.29:80', 'drop'),
    row('inside kept to the node and outside not, from outside', friend, '203.0.113.130:80', both, 'masquerade'),
    row('inside kept to the node and outside not, to the cluster IP', pod, '100.64.6.30:80', here),
    row('sticky, from outside', friend, '203.0.113.131:80', here),
    row('sticky, from a pod', pod, '203.0.113.131:80', both),
    row('a cluster IP alone', pod, '100.64.6.32:80', there),
    row('endpoints that are not ready, from outside', friend, '203.0.113.133:80', 'reject'),
  ],
}
