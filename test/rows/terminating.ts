import { balanced } from './load-balancer.ts'
import { farPod, friend, pod, podA, podB, podC } from './places.ts'
import { type Feature, row } from './row.ts'
import { endpoint, leaving, service, slice } from './services.ts'

// Ready endpoints; when there are none, those that still serve while they terminate (KEP-1669).

const http = ['http:80']
const on = (at: number): string => `100.64.8.${at}`

export const terminating: Feature = {
  services: [
    service('t-some', on(20), http),
    service('t-all', on(21), http),
    service('t-deaf', on(22), http),
    service('t-unsaid', on(23), http),
    service('t-published', on(24), http),
    service('t-unready', on(25), http),
    service('t-mixed', on(26), http),
    balanced('t-lb', on(27), ['http:80'], [{ ip: '203.0.113.70' }]),
    service('t-ports', on(28), ['http:80', 'admin:81']),
  ],
  slices: [
    slice('t-some', [`${podA}@node1`, leaving(`${podB}@node1`)], ['http:8080'], 't-some-1'),
    slice('t-some', [leaving(`${farPod}@node2`)], ['http:8080'], 't-some-2'),
    slice('t-all', [leaving(`${podA}@node1`), leaving(`${farPod}@node2`)], ['http:8080']),
    slice(
      't-deaf',
      [endpoint(`${podA}@node1`, { conditions: { ready: false, serving: false, terminating: true } })],
      ['http:8080'],
    ),
    // Without a word it serves.
    slice('t-unsaid', [endpoint(`${podA}@node1`, { conditions: { ready: false, terminating: true } })], ['http:8080']),
    // publishNotReadyAddresses: ready is said of everyone.
    slice(
      't-published',
      [endpoint(`${podA}@node1`, { conditions: { ready: true, serving: false, terminating: true } }), `${podB}@node1`],
      ['http:8080'],
    ),
    slice(
      't-unready',
      [endpoint(`${podA}@node1`, { conditions: { ready: false, serving: true, terminating: false } })],
      ['http:8080'],
    ),
    slice(
      't-mixed',
      [
        endpoint(`${podA}@node1`, { conditions: { ready: false } }),
        leaving(`${podB}@node1`),
        endpoint(`${podC}@node1`, { conditions: { ready: false, serving: false, terminating: true } }),
      ],
      ['http:8080'],
    ),
    slice('t-lb', [leaving(`${podA}@node1`), leaving(`${farPod}@node2`)], ['http:8080']),
    // Each port on its own.
    slice('t-ports', [`${podA}@node1`], ['http:8080'], 't-ports-1'),
    slice('t-ports', [leaving(`${podB}@node1`)], ['http:8080', 'admin:9090'], 't-ports-2'),
  ],
  rows: [
    row('one ready and others leaving', pod, '100.64.8.20:80', ['100.96.1.3:8080']),
    row('all leaving', pod, '100.64.8.21:80', ['100.96.1.3:8080', '100.96.2.2:8080']),
    row('all leaving, from outside', friend, '100.64.8.21:80', ['100.96.1.3:8080', '100.96.2.2:8080'], 'masquerade'),
    row('leaving and not serving', pod, '100.64.8.22:80', 'reject'),
    row('leaving, without a word whether it serves', pod, '100.64.8.23:80', ['100.96.1.3:8080']),
    row('leaving and ready all the same', pod, '100.64.8.24:80', ['100.96.1.3:8080', '100.96.1.4:8080']),
    row('serving, not ready, not leaving', pod, '100.64.8.25:80', 'reject'),
    row('one leaving among those that are neither', pod, '100.64.8.26:80', ['100.96.1.4:8080']),
    row(
      'all leaving, through a load balancer',
      friend,
      '203.0.113.70:80',
      ['100.96.1.3:8080', '100.96.2.2:8080'],
      'masquerade',
    ),
    row('ready ones for this port', pod, '100.64.8.28:80', ['100.96.1.3:8080']),
    row('only leaving ones for another port', pod, '100.64.8.28:81', ['100.96.1.4:9090']),
    row('the first rows’ service that is leaving', pod, '100.64.0.26:80', ['100.96.1.4:8080']),
  ],
}
