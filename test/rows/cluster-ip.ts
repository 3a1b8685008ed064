import { farPod, friend, otherFarPod, pod, podA, podB, podC, router } from './places.ts'
import { type Feature, row } from './row.ts'
import { endpoint, service, services, slice, slices } from './services.ts'

// Which endpoints a cluster IP has: ports by name, several slices, slices made by hand. The services of services.ts are among them.

const web = ['100.96.1.3:8080', '100.96.1.4:8080', '100.96.2.2:8080']

const some: Feature = {
  services: [
    service('named', '100.64.0.30', [{ name: 'http', port: 80, targetPort: 'web' }]),
    service('nameless', '100.64.0.31', [':80']),
    service('by-hand', '100.64.0.32', [{ port: 80, targetPort: 1234 }], {}),
    service('other-name', '100.64.0.33', ['http:80']),
    service('twice', '100.64.0.34', ['http:80', 'same:8080']),
    service('unsaid', '100.64.0.35', ['http:80']),
    service('families', '100.64.0.36', ['http:80']),
    service('many', '100.64.0.37', ['http:80', 'https:443', 'admin:81', 'metrics:9100', 'dns:53/UDP']),
  ],
  slices: [
    // The controller resolves a named target port; pods that call different ports so are in different slices.
    slice('named', [`${podA}@node1`], ['http:8080'], 'named-1'),
    slice('named', [`${podB}@node1`, `${farPod}@node2`], ['http:9090'], 'named-2'),
    slice('nameless', [`${podA}@node1`], [':8080']),
    slice('by-hand', [router, farPod], [':9090']),
    slice('other-name', [`${podA}@node1`], ['web:8080']),
    slice('twice', [`${podA}@node1`], ['http:8080', 'same:8080']),
    // Without conditions it is ready; of its addresses the first one counts.
    slice('unsaid', [{ addresses: [podB, podA] }], ['http:8080']),
    slice('families', [`${podA}@node1`], ['http:8080'], 'families-4'),
    { ...slice('families', ['fd00::2@node1'], ['http:8080'], 'families-6'), addressType: 'IPv6' },
    { ...slice('families', ['example.org'], ['http:8080'], 'families-name'), addressType: 'FQDN' },
    slice('many', [`${podA}@node1`], ['http:8080', 'https:9090'], 'many-1'),
    slice('many', [`${podB}@node1`, endpoint(`${podC}@node1`, { conditions: {} })], ['admin:9090'], 'many-2'),
    slice('many', [`${otherFarPod}@node2`], ['dns:5353/UDP'], 'many-3'),
    // Of no service.
    { ...slice('many', [`${podC}@node1`], ['http:8080'], 'stray'), metadata: { name: 'stray', namespace: 'shop' } },
    { ...slice('many', [`${podC}@node1`], ['http:8080'], 'abroad'), metadata: { name: 'abroad', namespace: 'other' } },
  ],
  rows: [
    row('a pod to a service', pod, '100.64.0.20:80', web),
    row('its other port', pod, '100.64.0.20:81', ['100.96.1.3:9090', '100.96.1.4:9090', '100.96.2.2:9090']),
    row('another pod to a service of one pod', pod, '100.64.0.21:80', ['100.96.1.5:8080']),
    row('a service over UDP', pod, '100.64.0.21:53/UDP', ['100.96.1.5:5353']),
    row('a service on another node', pod, '100.64.0.25:80', ['100.96.2.2:8080']),
    row('a pod to a pod', pod, '100.96.1.3:8080', 'none'),
    row('a pod to a pod of another node', pod, '100.96.2.2:8080', 'none'),
    row('a machine outside to a pod', friend, '100.96.1.3:8080', 'none'),
    row('a named target port', pod, '100.64.0.30:80', ['100.96.1.3:8080', '100.96.1.4:9090', '100.96.2.2:9090']),
    row('a port without a name', pod, '100.64.0.31:80', ['100.96.1.3:8080']),
    row('endpoints made by hand, one outside the pods', pod, '100.64.0.32:80', [
      '192.168.50.1:9090',
      '100.96.2.2:9090',
    ]),
    row('endpoints whose port has another name', pod, '100.64.0.33:80', 'reject'),
    row('one of two ports with the same target', pod, '100.64.0.34:80', ['100.96.1.3:8080']),
    row('the other of two ports with the same target', pod, '100.64.0.34:8080', ['100.96.1.3:8080']),
    row('an endpoint that says nothing of itself', pod, '100.64.0.35:80', ['100.96.1.4:8080']),
    row('slices of other families beside one of ours', pod, '100.64.0.36:80', ['100.96.1.3:8080']),
    row('the first of many ports', pod, '100.64.0.37:80', ['100.96.1.3:8080']),
    row('a port from the same slice', pod, '100.64.0.37:443', ['100.96.1.3:9090']),
    row('a port from another slice', pod, '100.64.0.37:81', ['100.96.1.4:9090', '100.96.1.5:9090']),
    row('a port that no slice has', pod, '100.64.0.37:9100', 'reject'),
    row('a port of another protocol', pod, '100.64.0.37:53/UDP', ['100.96.2.3:5353']),
  ],
}

export const clusterIPs: Feature = {
  ...some,
  services: [...services, ...some.services],
  slices: [...slices, ...some.slices],
}
