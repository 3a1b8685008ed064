import type { Service } from '../../src/api/objects/service.ts'
import { farPod, friend, nodeAddress, pod, podA, podC } from './places.ts'
import { type Feature, row } from './row.ts'
import { endpoint, hinted, leaving, service, slice } from './services.ts'

// internalTrafficPolicy Local: whoever speaks to the cluster IP gets an endpoint of this node, or nothing (KEP-2086).

const keeping = (name: string, at: number): Service =>
  service(name, `100.64.7.${at}`, ['http:80', 'dns:53/UDP'], { internalTrafficPolicy: 'Local' })

const ports = ['http:8080', 'dns:5353/UDP']
const here = ['100.96.1.3:8080']

export const internalPolicies: Feature = {
  services: [
    keeping('it-both', 20),
    keeping('it-there', 21),
    keeping('it-none', 22),
    keeping('it-leaving-here', 23),
    keeping('it-leaving-there', 24),
    keeping('it-ready-and-leaving', 25),
    keeping('it-unready-here', 26),
    keeping('it-self', 27),
    keeping('it-hinted-away', 28),
    keeping('it-somewhere', 29),
  ],
  slices: [
    slice('it-both', [`${podA}@node1`, `${farPod}@node2`], ports),
    slice('it-there', [`${farPod}@node2`], ports),
    slice('it-leaving-here', [leaving(`${podA}@node1`), `${farPod}@node2`], ports),
    slice('it-leaving-there', [leaving(`${farPod}@node2`)], ports),
    slice('it-ready-and-leaving', [`${podA}@node1`, leaving(`${podC}@node1`)], ports),
    slice(
      'it-unready-here',
      [endpoint(`${podA}@node1`, { conditions: { ready: false, serving: false } }), `${farPod}@node2`],
      ports,
    ),
    slice('it-self', [`${podC}@node1`], ports),
    slice(
      'it-hinted-away',
      [hinted(`${podA}@node1`, { zones: ['b'] }), hinted(`${farPod}@node2`, { zones: ['a'] })],
      ports,
    ),
    // An endpoint that does not say where it is is not here.
    slice('it-somewhere', [podA], ports),
  ],
  rows: [
    row('endpoints here and elsewhere, from a pod', pod, '100.64.7.20:80', here),
    row('endpoints here and elsewhere, over UDP', pod, '100.64.7.20:53/UDP', ['100.96.1.3:5353']),
    row('endpoints here and elsewhere, from the node', nodeAddress, '100.64.7.20:80', here, 'masquerade'),
    row('endpoints here and elsewhere, from outside', friend, '100.64.7.20:80', here, 'masquerade'),
    row('endpoints elsewhere only, from a pod', pod, '100.64.7.21:80', 'drop'),
    row('endpoints elsewhere only, over UDP', pod, '100.64.7.21:53/UDP', 'drop'),
    row('endpoints elsewhere only, from the node', nodeAddress, '100.64.7.21:80', 'drop'),
    row('endpoints elsewhere only, from outside', friend, '100.64.7.21:80', 'drop'),
    row('endpoints elsewhere only, at a port that it does not have', pod, '100.64.7.21:82', 'reject'),
    row('no endpoints, from a pod', pod, '100.64.7.22:80', 'reject'),
    row('no endpoints, over UDP', pod, '100.64.7.22:53/UDP', 'reject'),
    row('no endpoints, from the node', nodeAddress, '100.64.7.22:80', 'reject'),
    row('a leaving endpoint here and a ready one elsewhere', pod, '100.64.7.23:80', here),
    row('only a leaving endpoint, elsewhere', pod, '100.64.7.24:80', 'drop'),
    row('a ready and a leaving endpoint here', pod, '100.64.7.25:80', here),
    row('an endpoint here that is not ready, and one elsewhere', pod, '100.64.7.26:80', 'drop'),
    row('a pod to itself', podC, '100.64.7.27:80', ['100.96.1.5:8080'], 'masquerade'),
    row('hints to another zone', pod, '100.64.7.28:80', here),
    row('an endpoint that does not say where it is', pod, '100.64.7.29:80', 'drop'),
    row('the first rows’ service that keeps to the node', pod, '100.64.0.23:80', here),
    row('the first rows’ service that has nobody there', pod, '100.64.0.24:80', 'drop'),
    row('the first rows’ service with a leaving endpoint here', pod, '100.64.0.27:80', ['100.96.1.4:8080']),
    row('the first rows’ service whose endpoint does not say where it is', pod, '100.64.0.28:80', 'drop'),
  ],
}
