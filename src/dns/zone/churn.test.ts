import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Service } from '../../api/objects/service.ts'
import { address, cidr } from '../../base/address.ts'
import { askerAt } from '../handlers/handler.ts'
import { handlerList } from '../handlers/list.ts'
import { HostsTable } from '../hosts/table.ts'
import { Responder } from '../server/responder.ts'
import { slimService, slimSlice } from '../slim.ts'
import { queryOf, read, summary } from '../testing/ask.ts'
import { service, slice } from '../testing/cluster.ts'
import type { types } from '../wire/message.ts'
import { Zone } from './zone.ts'

const log = pino({ level: 'silent' })
const names = ['a', 'b']
const namespaces = ['testns', 'other']
const addresses4 = ['10.1.0.1', '10.1.0.2', '10.1.0.3', '10.1.0.1 web-0', '!10.1.0.2', '10.1.0.3 web-0']
const addresses6 = ['fd00::1', 'fd00::2', 'fd00::1 web-0', '!fd00::2']

type Step =
  | { kind: 'service'; object: Service; exists: boolean }
  | { kind: 'slice'; object: EndpointSlice; exists: boolean }
  | { kind: 'namespace'; name: string; exists: boolean }
  | { kind: 'pod'; name: string; namespace: string; ips: string[] }

// Mostly what belongs together.
const name = fc.constantFrom('a', 'a', 'b')
const namespace = fc.constantFrom('testns', 'testns', 'testns', 'other')
const exists = fc.constantFrom(true, true, true, false)
const spec = fc.constantFrom<Service['spec']>(
  { clusterIP: 'None', clusterIPs: ['None'], ports: [{ name: 'http', port: 80 }], selector: { app: 'a' } },
  { clusterIP: 'None', publishNotReadyAddresses: true },
  { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1'], ports: [{ name: 'http', port: 80 }] },
  { clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2', 'fd00:1::1'], ports: [{ port: 80 }] },
  { clusterIP: 'fd00:1::1', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] },
  // Itself, each other, and what is outside.
  { type: 'ExternalName', externalName: 'a.testns.svc.cluster.local' },
  { type: 'ExternalName', externalName: 'b.other.svc.cluster.local' },
  { type: 'ExternalName', externalName: 'outside.example' },
)
const changedService = fc.record({
  kind: fc.constant('service' as const),
  object: fc.tuple(name, spec, namespace).map(([name, of, namespace]) => service(name, of, namespace)),
  exists,
})
const endpoints = fc.oneof(
  fc.uniqueArray(fc.constantFrom(...addresses4), { maxLength: 4 }),
  fc.uniqueArray(fc.constantFrom(...addresses6), { minLength: 1, maxLength: 3 }),
)
const changedSlice = fc.record({
  kind: fc.constant('slice' as const),
  object: fc.tuple(name, endpoints, namespace).map(([name, of, namespace]) => slice(name, of, undefined, namespace)),
  exists,
})
const changedNamespace = fc.record({ kind: fc.constant('namespace' as const), name: namespace, exists })
const changedPod = fc.record({
  kind: fc.constant('pod' as const),
  name,
  namespace,
  ips: fc.constantFrom<string[]>([], ['10.1.0.1'], ['10.1.0.2', 'fd00::1'], ['fd00::2']),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: changedService },
  { weight: 3, arbitrary: changedSlice },
  { weight: 1, arbitrary: changedNamespace },
  { weight: 1, arbitrary: changedPod },
)

test('whatever changes, in whatever order, the answers are those of a server that starts now', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 6, maxLength: 14 }),
      fc.constantFrom('insecure' as const, 'verified' as const, 'disabled' as const),
      fc.boolean(),
      async (steps, pods, autopath) => {
        const zone = empty(pods)
        const server = responder(zone, autopath)
        const present = new Map<string, Step>()
        for (const one of steps) {
          apply(zone, one, true)
          const key = keyOf(one)
          present.delete(key)
          if (remains(one)) present.set(key, one)
          const fresh = empty(pods)
          for (const known of present.values()) apply(fresh, known, false)
          assert.deepEqual(await answers(server), await answers(responder(fresh, autopath)))
        }
      },
    ),
    { numRuns: 100 },
  )
})

const questions: [string, keyof typeof types][] = [
  ...namespaces.flatMap((namespace) => [
    ...names.flatMap((name): [string, keyof typeof types][] => [
      [`${name}.${namespace}.svc.cluster.local`, 'A'],
      [`${name}.${namespace}.svc.cluster.local`, 'AAAA'],
      [`${name}.${namespace}.svc.cluster.local`, 'SRV'],
      [`_http._tcp.${name}.${namespace}.svc.cluster.local`, 'SRV'],
      [`web-0.${name}.${namespace}.svc.cluster.local`, 'A'],
      [`web-0.${name}.${namespace}.svc.cluster.local`, 'AAAA'],
      [`10-1-0-2.${name}.${namespace}.svc.cluster.local`, 'A'],
      [`fd00--2.${name}.${namespace}.svc.cluster.local`, 'AAAA'],
      // As a pod of testns would search for a service of another namespace.
      [`${name}.${namespace}.testns.svc.cluster.local`, 'A'],
    ]),
    [`${namespace}.svc.cluster.local`, 'A'] as [string, 'A'],
    [`10-1-0-1.${namespace}.pod.cluster.local`, 'A'] as [string, 'A'],
    [`fd00--2.${namespace}.pod.cluster.local`, 'AAAA'] as [string, 'AAAA'],
  ]),
  ...['1.0.0.10', '1.0.1.10', '2.0.1.10', '3.0.1.10'].map((of): [string, 'PTR'] => [`${of}.in-addr.arpa`, 'PTR']),
  ...['1', '2'].map((digit): [string, 'PTR'] => [`${digit}.${'0.'.repeat(27)}0.0.d.f.ip6.arpa`, 'PTR']),
  ['outside.example', 'A'],
]

/** In no order: where several records are equal in kind, none comes first. */
async function answers(server: Responder): Promise<string[]> {
  const found: string[] = []
  for (const [name, type] of questions) {
    const reply = server.react(queryOf(name, type, { opt: { size: 4096 } }), askerAt('udp', '10.1.0.1'))
    assert.ok(reply)
    found.push(`${name} ${type} ${summary(read(reply instanceof Promise ? await reply : reply))}`)
  }
  return found
}

/** `slim`: of the objects only what is kept of them. */
function apply(zone: Zone, one: Step, slim: boolean): void {
  if (one.kind === 'service') zone.service(slim ? slimService(one.object) : one.object, one.exists)
  else if (one.kind === 'slice') zone.slice(slim ? slimSlice(one.object) : one.object, one.exists)
  else if (one.kind === 'namespace') zone.namespace(one.name, one.exists)
  else zone.pod(one.namespace, one.name, one.ips.map(address), [])
}

function keyOf(one: Step): string {
  if ('object' in one) return `${one.kind} ${one.object.metadata.namespace}/${one.object.metadata.name}`
  return one.kind === 'pod' ? `pod ${one.namespace}/${one.name}` : `namespace ${one.name}`
}

function remains(one: Step): boolean {
  return one.kind === 'pod' ? one.ips.length > 0 : one.exists
}

function empty(pods: 'insecure' | 'verified' | 'disabled'): Zone {
  const reverse = [cidr('10.0.0.0/8')]
  return new Zone({ zone: 'cluster.local', ttl: 5, pods, reverse, self: 'x.y', now: () => 1 })
}

function responder(zone: Zone, autopath: boolean): Responder {
  const table = new HostsTable([{ address: address('192.0.2.1'), names: ['outside.example'], from: 'hosts' }])
  const hosts = { table, ttl: 5, close: () => {} }
  return new Responder({
    ...handlerList({ zone, synced: () => true, hosts, autopath: autopath ? [] : undefined }),
    log,
  })
}
