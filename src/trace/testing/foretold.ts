import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { address, cidr } from '../../base/address.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Origin } from '../origin.ts'
import { outsideAddress } from '../predict/build.ts'
import type { Machine, MachineState } from '../predict/machine.ts'
import { type Prediction, predict } from '../predict/predict.ts'
import type { Ranges } from '../predict/ranges.ts'
import type { Hop, Protocol, Verdict } from '../types.ts'
import { cluster as across } from './across.ts'

// What the rows of predict.test.ts are made of. The cluster: client and near on node1, far on node2, service web (100.64.0.20:80) with far
// behind it; rows change it.

export const ranges: Ranges = {
  pods: cidr('100.96.0.0/11'),
  services: cidr('100.64.0.0/13'),
  nodes: cidr('192.168.50.0/24'),
}

export interface Row {
  readonly title: string
  readonly to: string
  readonly from?: 'client' | 'node1' | 'outside'
  readonly protocol?: Protocol
  readonly web?: Partial<Service['spec']>
  readonly status?: Service['status']
  /** Of the endpoint. */
  readonly conditions?: { ready?: boolean; serving?: boolean; terminating?: boolean }
  readonly endpoints?: readonly string[]
  readonly far?: Partial<Pod['spec']>
  /** What kernels said. */
  readonly states?: (cluster: Cluster) => MachineState[]
  /** See {@link brief}. */
  readonly there: string
  readonly back?: string
  readonly verdicts: readonly Verdict[]
}

export function ask(row: Row): Prediction {
  return predict(asked(row))
}

export function asked(row: Row): Parameters<typeof predict>[0] {
  const cluster = clusterOf(row)
  const [host = '', port = ''] = row.to.split(':')
  return {
    cluster,
    ranges,
    states: row.states?.(cluster) ?? [],
    source: origin(cluster, row.from ?? 'client'),
    to: { address: address(host), port: Number(port) },
    protocol: row.protocol ?? 'tcp',
    port: 40_000,
  }
}

function clusterOf({
  web = {},
  status,
  conditions = { ready: true },
  endpoints = ['100.96.2.2'],
  far = {},
}: Row): Cluster {
  const [client, second] = across.pods
  const [service] = across.services
  const [slice] = across.slices
  if (!client || !second || !service || !slice) throw new Error('the fixture has changed')
  const near: Pod = {
    ...client,
    metadata: { ...client.metadata, name: 'near' },
    status: { ...client.status, podIP: '100.96.1.3' },
  }
  return {
    ...across,
    pods: [client, { ...second, spec: { ...second.spec, ...far } }, near],
    services: [{ ...service, spec: { ...service.spec, ...web }, ...(status && { status }) }],
    slices: [
      {
        ...slice,
        endpoints: endpoints.map((one) => ({
          addresses: [one],
          nodeName: one.startsWith('100.96.1') ? 'node1' : 'node2',
          conditions,
        })),
      },
    ],
  }
}

function origin({ pods }: Cluster, from: 'client' | 'node1' | 'outside'): Origin {
  const [pod] = pods
  if (!pod) throw new Error('the fixture has changed')
  if (from === 'client') return { kind: 'pod', key: 'shop/client', node: 'node1', address: address('100.96.1.2'), pod }
  if (from === 'node1') return { kind: 'node', key: 'node1', node: 'node1', address: address('192.168.50.11') }
  return { kind: 'outside', key: 'outside', node: 'outside', address: outsideAddress }
}

export function stateOf(machine: Machine, changes: Partial<MachineState>): MachineState {
  const { known: _, tables: __, ...state } = machine
  return { ...state, tables: [], ...changes }
}

/** Place by place what happens there; of what is passed on, by which part. */
export function brief(hops: readonly Hop[]): string {
  const places: string[][] = []
  for (const { place, component, action } of hops) {
    if (places.at(-1)?.[0] !== place) places.push([place])
    places.at(-1)?.push(action === 'forwarded' ? component : action)
  }
  return places.map((words) => words.join(' ')).join(', ')
}
