import { friend, nodeAddress, pod } from './places.ts'
import { type Feature, row } from './row.ts'
import { service, slice } from './services.ts'

// Services of very many endpoints, as the controller would write them: a hundred in a slice.

const addresses = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `100.97.${1 + Math.floor(i / 250)}.${1 + (i % 250)}`)
const slicesOf = (name: string, count: number, ports: readonly string[]) => {
  const all = addresses(count)
  return Array.from({ length: Math.ceil(count / 100) }, (_, i) =>
    slice(
      name,
      all.slice(i * 100, (i + 1) * 100).map((at) => `${at}@node3`),
      ports,
      `${name}-${i}`,
    ),
  )
}
const endpointsOf = (count: number, port: number): string[] => addresses(count).map((at) => `${at}:${port}`)

export const large: Feature = {
  services: [
    service('huge', '100.64.15.20', [{ name: 'http', port: 80, nodePort: 30600 }], { type: 'NodePort' }),
    service('huge-sticky', '100.64.15.21', ['http:80'], { sessionAffinity: 'ClientIP' }),
    service('big', '100.64.15.22', ['http:80']),
    // The last number of endpoints that has a way of picking of its own, and the first that has not.
    service('last', '100.64.15.23', ['http:80']),
    service('first', '100.64.15.24', ['http:80']),
  ],
  slices: [
    ...slicesOf('huge', 5000, ['http:8080']),
    ...slicesOf('huge-sticky', 2000, ['http:8080']),
    ...slicesOf('big', 400, ['http:9090']),
    ...slicesOf('last', 512, ['http:8080']),
    ...slicesOf('first', 513, ['http:8080']),
  ],
  rows: [
    row('5,000 endpoints', pod, '100.64.15.20:80', endpointsOf(5000, 8080)),
    row('5,000 endpoints, from the node', nodeAddress, '100.64.15.20:80', endpointsOf(5000, 8080), 'masquerade'),
    row('5,000 endpoints, through a node port', friend, '192.168.50.11:30600', endpointsOf(5000, 8080), 'masquerade'),
    row('2,000 endpoints of a sticky service', pod, '100.64.15.21:80', endpointsOf(2000, 8080)),
    row('400 endpoints', pod, '100.64.15.22:80', endpointsOf(400, 9090)),
    row('512 endpoints', pod, '100.64.15.23:80', endpointsOf(512, 8080)),
    row('513 endpoints', pod, '100.64.15.24:80', endpointsOf(513, 8080)),
  ],
}
