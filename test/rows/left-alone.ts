import type { Service } from '../../src/api/objects/service.ts'
import { balanced } from './load-balancer.ts'
import { friend, pod, podA } from './places.ts'
import { type Feature, row } from './row.ts'
import { service, slice } from './services.ts'

// No business of this proxy: packets go as if the service were not there.

const otherProxy = (made: Service): Service => ({
  ...made,
  metadata: { ...made.metadata, labels: { 'service.kubernetes.io/service-proxy-name': 'mesh' } },
})

export const leftAlone: Feature = {
  services: [
    service('la-headless', 'None', ['http:80']),
    service('la-alias', '', ['http:80'], { type: 'ExternalName', externalName: 'example.org' }),
    // Fields from the time before it became an alias.
    service('la-former', '100.64.13.20', [{ name: 'http', port: 80, nodePort: 30500 }], {
      type: 'ExternalName',
      externalName: 'example.org',
      externalIPs: ['198.51.100.60'],
    }),
    service('la-headless-external', 'None', ['http:80'], { externalIPs: ['198.51.100.61'] }),
    otherProxy(service('la-other', '100.64.13.21', ['http:80'])),
    otherProxy(
      balanced('la-other-lb', '100.64.13.22', [{ name: 'http', port: 80, nodePort: 30501 }], [{ ip: '203.0.113.62' }], {
        externalIPs: ['198.51.100.62'],
      }),
    ),
    // An empty name is a name too: the label's presence counts.
    {
      ...service('la-nobody', '100.64.13.23', ['http:80']),
      metadata: {
        name: 'la-nobody',
        namespace: 'shop',
        labels: { 'service.kubernetes.io/service-proxy-name': '' },
      },
    },
    service('la-soon', '', ['http:80']),
    // Headless in the eyes of other tools only.
    {
      ...service('la-labelled', '100.64.13.24', ['http:80']),
      metadata: { name: 'la-labelled', namespace: 'shop', labels: { 'service.kubernetes.io/headless': '' } },
    },
    // The other family alone: a table of its own will serve it.
    service('la-six', 'fd00:10::20', ['http:80']),
    {
      ...service('la-dual', '100.64.13.25', ['http:80']),
      spec: {
        clusterIP: 'fd00:10::21',
        clusterIPs: ['fd00:10::21', '100.64.13.25'],
        ports: [{ name: 'http', port: 80 }],
      },
    },
  ],
  slices: 'headless alias former headless-external other other-lb nobody soon labelled six dual'
    .split(' ')
    .map((of) => slice(`la-${of}`, [`${podA}@node1`], ['http:8080'])),
  rows: [
    row('a pod of a headless service', pod, '100.96.1.3:8080', 'none'),
    row('what was a cluster IP before the service became an alias', pod, '100.64.13.20:80', 'drop'),
    row('what was its node port', friend, '192.168.50.11:30500', 'none'),
    row('what was its external IP', pod, '198.51.100.60:80', 'none'),
    row('an external IP of a headless service', pod, '198.51.100.61:80', 'none'),
    row('the cluster IP of another proxy’s service', pod, '100.64.13.21:80', 'drop'),
    row('the load balancer of another proxy’s service', pod, '203.0.113.62:80', 'none'),
    row('the external IP of another proxy’s service', pod, '198.51.100.62:80', 'none'),
    row('the node port of another proxy’s service', friend, '192.168.50.11:30501', 'none'),
    row('another proxy without a name', pod, '100.64.13.23:80', 'drop'),
    row('a service with a label that means nothing here', pod, '100.64.13.24:80', ['100.96.1.3:8080']),
    row('a service whose first address is of the other family', pod, '100.64.13.25:80', ['100.96.1.3:8080']),
  ],
}
