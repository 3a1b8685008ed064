import { hostPort } from '../../base/address.ts'
import type { Because } from '../../trace/types.ts'
import { directoryOf } from '../directory.ts'
import type { ConnectionGroup } from '../facts.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, plural, referTo } from './finding.ts'
import { type Served, servedPorts } from './served.ts'

/** An endpoint is chosen for a connection, not for a request: who keeps one open gives all its work to one pod. */
export const check: Check = {
  number: 16,
  title: 'one pod has all the work: connections that are kept open (keep-alive, gRPC)',
  codes: ['HotPod'],
  needs: 'machines',
  find: (view) => {
    // Of a table that was cut, the other endpoints' part may be missing.
    if (view.machines.some(({ connections }) => connections.truncated)) return []
    const groups = groupsByPort(view)
    return servedPorts(view).flatMap((served) => ofPort(view, served, groups.get(keyOf(served)) ?? []))
  },
}

type Told = ConnectionGroup & { readonly node: string }

function ofPort({ now }: View, served: Served, groups: readonly Told[]): Finding[] {
  const { service, port } = served
  const { sessionAffinity = 'None', internalTrafficPolicy = 'Cluster', trafficDistribution } = service.spec
  // Uneven on purpose: the same client to the same pod, or to what is near.
  if (sessionAffinity !== 'None' || internalTrafficPolicy !== 'Cluster' || trafficDistribution !== undefined) return []
  const ready = served.endpoints.filter((one) => one.ready)
  if (ready.length < 2) return []
  const loads = ready.map((endpoint) => {
    const own = groups.filter((one) => one.endpoint === endpoint.address && one.endpointPort === endpoint.port)
    return {
      endpoint,
      own,
      established: sum(own, 'established'),
      count: sum(own, 'count'),
      packets: sum(own, 'packets'),
    }
  })
  const all = { established: sum(loads, 'established'), count: sum(loads, 'count'), packets: sum(loads, 'packets') }
  const [hot, ...others] = loads.toSorted((a, b) => b.packets - a.packets || b.established - a.established)
  if (!hot?.endpoint.pod || hot.established === 0) return []
  const [oldest = 0] = hot.own.map(({ oldestSeconds = 0 }) => oldestSeconds).toSorted((a, b) => b - a)
  const busy = isBusy(hot, all, oldest)
  if (!busy && !isCrowded(hot, all)) return []
  const idle = others.filter(({ count }) => count === 0)
  if (busy && idle.length === 0) return []
  const share = busy ? hot.packets / all.packets : hot.established / all.established
  const evidence = loads.slice(0, 6).map(({ endpoint, established, count, packets, own }): Because => {
    const age = Math.max(0, ...own.map(({ oldestSeconds = 0 }) => oldestSeconds))
    const of = `${hostPort(endpoint.address, endpoint.port)}${endpoint.pod ? ` (${nameOf(endpoint.pod)})` : ''}`
    const more = packets === 0 ? '' : `, ${packets} packets${age === 0 ? '' : `, the oldest ${age} s old`}`
    return { kind: 'conntrack', text: `to ${of}: ${established} established of ${count}${more}` }
  })
  const clients = sum(hot.own, 'clients')
  return [
    {
      number: 16,
      code: 'HotPod',
      level: 'warning',
      object: referTo(service),
      also: [referTo(hot.endpoint.pod)],
      sure: 'likely',
      evidence,
      say: `${nameOf(hot.endpoint.pod)} has ${Math.round(share * 100)} % of the work of ${nameOf(service)}, port ${port.port}: ${plural(hot.established, 'connection')} of ${plural(clients, 'client')} ${hot.established === 1 ? 'is' : 'are'} kept open${oldest > 0 ? `, since ${oldest} s` : ''}, and ${idle.length === 0 ? 'its other endpoints have little' : `${plural(idle.length, 'other endpoint')} of ${ready.length} ${idle.length === 1 ? 'has' : 'have'} none`}`,
      fix: 'let clients end connections now and then (a limit of requests or age for keep-alive, max_connection_age for gRPC), or choose an endpoint for each request themselves, from a headless service',
      ...(startedLately(ready, now) && { early: true }),
    },
  ]
}

interface Load {
  readonly established: number
  readonly count: number
  readonly packets: number
}

/** The kernel counts packets: much goes over few connections that stay, and the rest has nothing to do. */
function isBusy(hot: Load, all: Load, oldest: number): boolean {
  return (
    oldest >= longSeconds &&
    hot.packets >= manyPackets * oldest &&
    hot.packets >= 0.95 * all.packets &&
    hot.packets >= 50 * hot.count
  )
}

/** So many connections fall so unevenly less often than once in two hundred times. */
function isCrowded(hot: Load, all: Load): boolean {
  return all.established >= 16 && hot.established >= 0.9 * all.established
}

const longSeconds = 10
/** A second. Less is no work, and every connection has some, given time. */
const manyPackets = 20

/** Pods that came after the connections have had no chance yet. */
function startedLately(ready: Served['endpoints'], now: number): boolean {
  return ready.some(({ pod }) =>
    (pod?.status?.containerStatuses ?? []).some(
      ({ state }) => state?.running !== undefined && now - Date.parse(state.running.startedAt) < 10_000,
    ),
  )
}

/** Connections of pods and machines, each counted where it is translated: elsewhere the endpoint is its destination. */
function groupsByPort({ cluster, machines }: View): Map<string, Told[]> {
  const found = new Map<string, Told[]>()
  const directory = directoryOf(cluster)
  for (const { node, connections } of machines)
    for (const group of connections.groups) {
      if (group.protocol !== 'tcp' || group.endpoint === group.address) continue
      const at = directory.reached(group.address, group.port, 'tcp')
      if (!at) continue
      const key = `${at.service.metadata.namespace}/${at.service.metadata.name} ${at.port.name ?? ''} ${at.port.port}`
      const list = found.get(key)
      if (list) list.push({ ...group, node })
      else found.set(key, [{ ...group, node }])
    }
  return found
}

function keyOf({ service, port }: Served): string {
  return `${service.metadata.namespace}/${service.metadata.name} ${port.name ?? ''} ${port.port}`
}

function sum<Key extends string>(of: readonly { readonly [key in Key]?: number }[], key: Key): number {
  return of.reduce((total, one) => total + (one[key] ?? 0), 0)
}
