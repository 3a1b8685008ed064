import fc, { type Arbitrary } from 'fast-check'
import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Service } from '../../src/api/objects/service.ts'
import { service, slice } from './services.ts'

// Few names, addresses and ports, so that services meet, share and steal.
const names = ['a', 'b', 'c', 'd', 'e']
const ports = ['http:80', 'admin:81', 'dns:53/UDP', 'dns:53', 'http:80/SCTP']
const endpoints = [
  '100.96.1.2@node1',
  '100.96.1.3@node1',
  '100.96.1.4',
  '100.96.2.2@node2',
  '100.96.2.3@node2',
  '127.0.0.1',
]

export type Change = { readonly put: Service | EndpointSlice } | { readonly remove: Service | EndpointSlice }

const aService: Arbitrary<Service> = fc
  .record({
    name: fc.constantFrom(...names),
    clusterIP: fc.constantFrom('100.64.0.1', '100.64.0.2', '100.64.0.3', '100.64.0.4', 'None', '', '10.0.0.1', 'x'),
    ports: fc.subarray(ports),
    local: fc.boolean(),
    since: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
  })
  .map(({ name, clusterIP, ports, local, since }) => {
    const made = service(name, clusterIP, ports, local ? { internalTrafficPolicy: 'Local' } : {})
    return { ...made, metadata: { ...made.metadata, creationTimestamp: since } }
  })

const aSlice: Arbitrary<EndpointSlice> = fc
  .record({
    of: fc.constantFrom(...names),
    // A slice may also go over to another service.
    name: fc.constantFrom('1', '2', '3', '4', '5', '6', '7'),
    endpoints: fc.array(
      fc.record({ at: fc.constantFrom(...endpoints), ready: fc.boolean(), terminating: fc.boolean() }),
      { maxLength: 5 },
    ),
    ports: fc.subarray(['http:8080', 'admin:9090', 'dns:5353/UDP', 'http:8080/SCTP']),
  })
  .map(({ of, name, endpoints, ports }) =>
    slice(
      of,
      endpoints.map(({ at, ready, terminating }) => {
        const [address = '', nodeName] = at.split('@')
        return { addresses: [address], conditions: { ready, terminating }, ...(nodeName ? { nodeName } : {}) }
      }),
      ports,
      name,
    ),
  )

const anObject: Arbitrary<Service | EndpointSlice> = fc.oneof(aService, { weight: 2, arbitrary: aSlice })

export const aChange: Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: anObject.map((put) => ({ put })) },
  anObject.map((remove) => ({ remove })),
)
