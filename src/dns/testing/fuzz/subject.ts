import { pino } from 'pino'
import { address } from '../../../base/address.ts'
import { defaults, forwardDefaults } from '../../config/config.ts'
import { makeForwarding } from '../../forward/forwarding.ts'
import { handlerList } from '../../handlers/list.ts'
import { openHosts } from '../../hosts/hosts.ts'
import { Responder } from '../../server/responder.ts'
import { service, slice, zoneOf } from '../cluster.ts'
import type { Random } from './random.ts'
import { makeHostile } from './upstream.ts'

export interface Subject {
  readonly responder: Responder
  /** The same without answers that are ready: every handler is asked. */
  readonly slow: Responder
  /** Something in the cluster changes. */
  change(): void
}

/** A server with services of every kind, a large one, one that changes, and, where wanted, an upstream that means no good. */
export function fuzzSubject(random: Random, upstream: boolean): Subject {
  const zone = zoneOf({ pods: random.pick(['insecure', 'insecure', 'verified', 'disabled']) })
  for (const [name, count] of [
    ['big', 100],
    ['huge', 3000],
  ] as const) {
    zone.service(service(name, { clusterIP: 'None', ports }), true)
    const addresses = Array.from({ length: count }, (_, at) => `172.1.${at >> 8}.${at & 0xff}`)
    zone.slice(slice(name, addresses), true)
  }
  const change = (): void => {
    const name = random.pick(['changing', 'changing', 'nosuch', 'svc1', 'external-in'])
    switch (random.below(7)) {
      case 0:
        return zone.service(service(name, { clusterIP: `10.0.0.${random.below(250)}`, ports }), true)
      case 1:
        return zone.service(service(name, { clusterIP: 'None', ports }), random.once(2))
      case 2:
        return zone.service(service(name, { type: 'ExternalName', externalName: anyTarget(random) }), !random.once(3))
      case 3:
        return zone.service(
          service('kube-dns', { clusterIP: `10.0.0.${random.below(250)}`, ports: [] }, 'kube-system'),
          !random.once(4),
        )
      case 4:
        return zone.pod('podns', random.pick(['pod-1', 'pod-2']), [address(`10.240.0.${random.below(9)}`)])
      case 5:
        return zone.namespace(random.pick(['podns', 'nosuchns']), random.once(2))
      default: {
        const addresses = Array.from({ length: random.below(5) }, () => `172.0.0.${random.below(250)}`)
        return zone.slice(slice(name, addresses), !random.once(4))
      }
    }
  }
  const forwarding = upstream ? makeForwarding({ config, log }) : undefined
  for (const { upstreams } of forwarding?.forwarders ?? []) for (const one of upstreams) makeHostile(one, random)
  zone.pod('podns', 'walks', [asker], searches)
  const autopath = random.once(2) ? searches : undefined
  const list = handlerList({ zone, synced: () => true, hosts: openHosts(hosts, log), autopath, ...forwarding })
  return {
    responder: new Responder({ ...list, log }),
    slow: new Responder({ ...list, ready: { get: () => undefined }, log }),
    change,
  }
}

function anyTarget(random: Random): string {
  return random.pick([
    'svc1.testns.svc.cluster.local',
    'changing.testns.svc.cluster.local',
    'www.example.test',
    'no..name',
  ])
}

const log = pino({ level: 'silent' })

const asker = address('127.0.0.1')
const searches = ['corp.test']
const hosts = { entries: [{ address: asker, names: ['www.example.test', 'hosts.test'] }], ttl: 30 }
const to = ['192.0.2.1', '192.0.2.2'].map((one) => ({ address: address(one), port: 53 }))
const forward = { ...forwardDefaults, to }
const config = {
  ...defaults,
  forward,
  stub: [{ domain: 'corp.test', forward }],
  // Full before the memory is measured first.
  cache: { ...defaults.cache, size: 200 },
}
const ports = [{ name: 'http', port: 80, protocol: 'TCP' as const }]
