import type { KubeObject } from '../../api/objects/meta.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Deployment } from '../../api/objects/workload.ts'
import type { View } from '../types.ts'

/** What made a pod and is to be changed for it: its Deployment, another workload, or the pod itself. */
export function makerOf({ cluster }: View, pod: Pod): Pick<KubeObject, 'kind' | 'apiVersion' | 'metadata'> {
  const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller)
  if (!owner) return pod
  const { namespace } = pod.metadata
  if (owner.kind === 'ReplicaSet') {
    const set = index(cluster.replicaSets).get(`${namespace}/${owner.name}`)
    const above = set?.metadata.ownerReferences?.find(({ controller }) => controller)
    if (above?.kind === 'Deployment')
      return { kind: 'Deployment', apiVersion: above.apiVersion, metadata: refer(above.name, namespace) }
  }
  return { kind: owner.kind, apiVersion: owner.apiVersion, metadata: refer(owner.name, namespace) }
}

export function deploymentOf(view: View, pod: Pod): Deployment | undefined {
  const { kind, metadata } = makerOf(view, pod)
  if (kind !== 'Deployment') return undefined
  return index(view.cluster.deployments).get(`${metadata.namespace}/${metadata.name}`)
}

function refer(name: string, namespace: string | undefined): KubeObject['metadata'] {
  return namespace === undefined ? { name } : { name, namespace }
}

const indexes = new WeakMap<readonly KubeObject[], ReadonlyMap<string, KubeObject>>()

function index<T extends KubeObject>(all: readonly T[]): ReadonlyMap<string, T> {
  const known = indexes.get(all) as ReadonlyMap<string, T> | undefined
  if (known) return known
  const made = new Map(all.map((one) => [`${one.metadata.namespace}/${one.metadata.name}`, one]))
  indexes.set(all, made)
  return made
}
