import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { pino } from 'pino'
import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Service } from '../../api/objects/service.ts'
import { handlerList } from '../handlers/list.ts'
import { Responder } from '../server/responder.ts'
import { overUdp, queryOf, read, summary } from '../testing/ask.ts'
import { service, slice } from '../testing/cluster.ts'
import type { types } from '../wire/message.ts'
import { Zone } from './zone.ts'

const log = pino({ level: 'silent' })
const names = ['a', 'b']
const addresses = ['10.1.0.1', '10.1.0.2', '10.1.0.3', 'fd00::1', '10.1.0.1 web-0', '!10.1.0.2', '10.1.0.3 web-0']

type Step =
  | { kind: 'service'; object: Service; exists: boolean }
  | { kind: 'slice'; object: EndpointSlice; exists: boolean }

const spec = fc.constantFrom<Service['spec']>(
  { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] },
  { clusterIP: 'None', publishNotReadyAddresses: true },
  { clusterIP: '10.0.0.1', ports: [{ name: 'http', port: 80 }] },
  { clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2', 'fd00:1::1'], ports: [{ port: 80 }] },
  { type: 'ExternalName', externalName: 'a.testns.svc.cluster.local' },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('service' as const),
    object: fc.tuple(fc.constantFrom(...names), spec).map(([name, of]) => service(name, of)),
    exists: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('slice' as const),
    object: fc
      .tuple(fc.constantFrom(...names), fc.uniqueArray(fc.constantFrom(...addresses), { maxLength: 4 }))
      .map(([name, of]) => slice(name, of)),
    exists: fc.boolean(),
  }),
)

test('whatever changes, in whatever order, the answers are those of a server that starts now', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
      const zone = empty()
      const server = responder(zone)
      const present = new Map<string, Step>()
      for (const one of steps) {
        apply(zone, one)
        const key = `${one.kind} ${one.object.metadata.name}`
        present.delete(key)
        if (one.exists) present.set(key, one)
        const fresh = empty()
        for (const known of present.values()) apply(fresh, known)
        assert.deepEqual(answers(server), answers(responder(fresh)))
      }
    }),
    { numRuns: 60 },
  )
})

const questions: [string, keyof typeof types][] = [
  ...names.flatMap((name): [string, keyof typeof types][] => [
    [`${name}.testns.svc.cluster.local`, 'A'],
    [`${name}.testns.svc.cluster.local`, 'AAAA'],
    [`${name}.testns.svc.cluster.local`, 'SRV'],
    [`_http._tcp.${name}.testns.svc.cluster.local`, 'SRV'],
    [`web-0.${name}.testns.svc.cluster.local`, 'A'],
    [`10-1-0-2.${name}.testns.svc.cluster.local`, 'A'],
  ]),
  ...['1.0.0.10', '1.0.1.10', '2.0.1.10', '3.0.1.10'].map((of): [string, keyof typeof types] => [
    `${of}.in-addr.arpa`,
    'PTR',
  ]),
]

/** An alias is answered later than the rest: only what is answered at once is compared. */
function answers(server: Responder): string[] {
  return questions.map(([name, type]) => {
    const reply = server.react(queryOf(name, type, { opt: { size: 4096 } }), overUdp)
    return `${name} ${type} ${reply instanceof Buffer ? summary(read(reply)) : 'an alias'}`
  })
}

function apply(zone: Zone, { kind, object, exists }: Step): void {
  if (kind === 'service') zone.service(object, exists)
  else zone.slice(object, exists)
}

function empty(): Zone {
  const options = { zone: 'cluster.local', ttl: 5, pods: 'insecure', reverse: [], self: 'x.y', now: () => 1 } as const
  const zone = new Zone(options)
  zone.namespace('testns', true)
  return zone
}

function responder(zone: Zone): Responder {
  return new Responder({ ...handlerList({ zone, synced: () => true }), log })
}
