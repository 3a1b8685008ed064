import type { Client, FollowOptions } from '../../src/api/client/client.ts'
import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { KubeObject } from '../../src/api/objects/meta.ts'
import type { Service } from '../../src/api/objects/service.ts'
import { type types } from '../../src/dns/wire/message.ts'
import { queryOf } from '../../src/dns/testing/ask.ts'

/** Every tenth service is headless; each has three endpoints. */
export function bigCluster(services: number): { list(kind: string): KubeObject[] } {
  const objects: Record<string, KubeObject[]> = {
    Namespace: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'bench' } }],
    Service: Array.from({ length: services }, (_, at) => service(at)),
    EndpointSlice: Array.from({ length: services }, (_, at) => slice(at)),
  }
  return { list: (kind) => objects[kind] ?? [] }
}

/** As much of a client as the server uses: lists that never change. */
export function clientOf(cluster: { list(kind: string): KubeObject[] }): Client {
  const follow = (kind: string, options: FollowOptions<KubeObject> = {}): unknown => {
    for (const object of cluster.list(kind)) options.onChange?.({ type: 'added', object })
    options.onBatch?.()
    return { synced: Promise.resolve(), get: () => undefined, list: () => cluster.list(kind), close: () => {} }
  }
  return { follow } as unknown as Client
}

/** In random order, the same for every contestant. */
export function questions(kind: 'services' | 'misses' | 'headless', services: number): Buffer[] {
  const numbers = Array.from({ length: services }, (_, at) => at)
  for (let at = services - 1, seed = 1; at > 0; at--) {
    seed = (seed * 48_271) % 0x7fffffff
    const other = seed % (at + 1)
    ;[numbers[at], numbers[other]] = [numbers[other] ?? 0, numbers[at] ?? 0]
  }
  const wanted = numbers.filter((at) => kind !== 'headless' || isHeadless(at))
  return wanted.map((at) => queryOf(nameOf(kind, at), 'A' satisfies keyof typeof types))
}

function nameOf(kind: 'services' | 'misses' | 'headless', at: number): string {
  return kind === 'misses' ? `host-${at}.example.test.bench.svc.cluster.local` : `service-${at}.bench.svc.cluster.local`
}

function isHeadless(at: number): boolean {
  return at % 10 === 0
}

function service(at: number): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `service-${at}`, namespace: 'bench' },
    spec: {
      clusterIP: isHeadless(at) ? 'None' : `100.64.${at >> 8}.${at & 255}`,
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    },
  }
}

function slice(at: number): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `service-${at}-x`,
      namespace: 'bench',
      labels: { 'kubernetes.io/service-name': `service-${at}` },
    },
    addressType: 'IPv4',
    endpoints: [0, 1, 2].map((one) => ({
      addresses: [`100.${96 + one}.${at >> 8}.${at & 255}`],
      conditions: { ready: true },
    })),
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  }
}
