import type { ServiceSpec } from '../../src/api/objects/service.ts'
import { balanced } from './load-balancer.ts'
import { farPod, friend, nodeAddress, pod, podA, podB, podC } from './places.ts'
import { type Feature, row } from './row.ts'
import { leaving, service, slice } from './services.ts'

// sessionAffinity ClientIP. A first packet may get any endpoint; who comes again is in test/kernel/proxy-affinity.test.ts.

const sticky = (timeoutSeconds?: number): ServiceSpec => ({
  sessionAffinity: 'ClientIP',
  ...(timeoutSeconds === undefined ? {} : { sessionAffinityConfig: { clientIP: { timeoutSeconds } } }),
})
const three = ['100.96.1.3:8080', '100.96.1.4:8080', '100.96.2.2:8080']

export const affinities: Feature = {
  services: [
    service('st-usual', '100.64.10.20', ['http:80', 'dns:53/UDP'], sticky()),
    service('st-short', '100.64.10.21', ['http:80'], sticky(1)),
    service('st-day', '100.64.10.22', ['http:80'], sticky(86_400)),
    service('st-one', '100.64.10.23', ['http:80'], sticky()),
    service('st-self', '100.64.10.24', ['http:80'], sticky()),
    service('st-none', '100.64.10.25', ['http:80'], sticky()),
    service('st-off', '100.64.10.26', ['http:80'], { sessionAffinity: 'None' }),
    service('st-kept', '100.64.10.27', ['http:80'], { ...sticky(), internalTrafficPolicy: 'Local' }),
    balanced(
      'st-lb',
      '100.64.10.28',
      [{ name: 'http', port: 80, nodePort: 30450 }],
      [{ ip: '203.0.113.90' }],
      sticky(),
    ),
    service('st-leaving', '100.64.10.29', ['http:80'], sticky()),
    // Times that the API server would refuse.
    service('st-zero', '100.64.10.30', ['http:80'], sticky(0)),
    service('st-odd', '100.64.10.31', ['http:80'], sticky(Number.NaN)),
    service('st-century', '100.64.10.32', ['http:80'], sticky(4_000_000_000)),
  ],
  slices: [
    slice('st-usual', [`${podA}@node1`, `${podB}@node1`, `${farPod}@node2`], ['http:8080', 'dns:5353/UDP']),
    ...['st-short', 'st-day', 'st-off', 'st-kept', 'st-lb', 'st-zero', 'st-odd', 'st-century'].map((of) =>
      slice(of, [`${podA}@node1`, `${podB}@node1`, `${farPod}@node2`], ['http:8080']),
    ),
    slice('st-one', [`${podA}@node1`], ['http:8080']),
    slice('st-self', [`${podC}@node1`], ['http:8080']),
    slice('st-leaving', [leaving(`${podA}@node1`)], ['http:8080']),
  ],
  rows: [
    row('a sticky service', pod, '100.64.10.20:80', three),
    row('a sticky service over UDP', pod, '100.64.10.20:53/UDP', [
      '100.96.1.3:5353',
      '100.96.1.4:5353',
      '100.96.2.2:5353',
    ]),
    row('a sticky service, from the node', nodeAddress, '100.64.10.20:80', three, 'masquerade'),
    row('a sticky service, from outside', friend, '100.64.10.20:80', three, 'masquerade'),
    row('for a second', pod, '100.64.10.21:80', three),
    row('for a day', pod, '100.64.10.22:80', three),
    row('of one endpoint', pod, '100.64.10.23:80', ['100.96.1.3:8080']),
    row('a pod to itself', podC, '100.64.10.24:80', ['100.96.1.5:8080'], 'masquerade'),
    row('without endpoints', pod, '100.64.10.25:80', 'reject'),
    row('switched off', pod, '100.64.10.26:80', three),
    row('kept to the node', pod, '100.64.10.27:80', ['100.96.1.3:8080', '100.96.1.4:8080']),
    row('through a load balancer', friend, '203.0.113.90:80', three, 'masquerade'),
    row('through a node port', friend, '192.168.50.11:30450', three, 'masquerade'),
    row('where all are leaving', pod, '100.64.10.29:80', ['100.96.1.3:8080']),
    row('for no time', pod, '100.64.10.30:80', three),
    row('for no number of seconds', pod, '100.64.10.31:80', three),
    row('for a century', pod, '100.64.10.32:80', three),
  ],
}
