import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { parseAddress } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import { didYouMean, nearest } from '../../base/nearest.ts'
import { type Cluster, isAlive, isReady, ownerOf, podAddress, podKey } from '../cluster/cluster.ts'
import { kindOf, kindsLike, type ObjectKind, type ObjectName, type OwnerKind, shortKind } from './object-name.ts'

// Objects by the names that people type. What is missing is an error that says what was probably meant.

/** `sends`: it is to send, so that one of a workload's pods would do, too. @throws KubehopError `NotFound`, with what was probably meant. */
export function findPod(cluster: Cluster, { name, namespace: of }: ObjectName, namespace: string, sends = false): Pod {
  const wanted = of ?? namespace
  const pod = cluster.pods.find(({ metadata }) => metadata.name === name && metadata.namespace === wanted)
  if (pod) return pod
  // A name alone, or NAMESPACE/NAME, may have been meant for something else than a pod.
  const node = of === undefined && cluster.nodes.some(({ metadata }) => metadata.name === name)
  if (node) throw notFound('pod', `${wanted}/${name}`, `${name} is a node: write node/${name}`)
  const address = parseAddress(name)
  const owner = address === undefined ? undefined : ownerOf(cluster, address)
  if (owner?.kind === 'pod')
    throw notFound('pod', `${wanted}/${name}`, `${name} is the address of ${podKey(owner.pod)}: write that`)
  const workload = sends ? workloadsNamed(cluster, `${wanted}/${name}`)[0] : undefined
  if (workload) {
    const written = [...(of === undefined ? [] : [of]), shortKind(workload), name].join('/')
    throw notFound('pod', `${wanted}/${name}`, `${name} is a ${workload}: write ${written}`)
  }
  const inNoNamespace = of !== undefined && !cluster.pods.some(({ metadata }) => metadata.namespace === of)
  // `dploy/web`: a kind that was nearly written, where something of that kind has this name.
  const like = new Set(inNoNamespace ? kindsLike(of).map(kindOf) : [])
  const kinds = kindsOf(cluster, name, namespace, sends).filter((kind) => like.has(kind))
  if (kinds.length > 0)
    throw notFound(
      'pod',
      `${wanted}/${name}`,
      `did you mean ${kinds.map((kind) => `${shortKind(kind)}/${name}`).join(' or ')}?`,
    )
  throw missing('pod', name, wanted, cluster.pods.map(podKey))
}

/** Of what kinds there are objects of this name, among those that can send, or that can be sent to. */
function kindsOf(cluster: Cluster, name: string, namespace: string, sends: boolean): ObjectKind[] {
  const key = `${namespace}/${name}`
  return [
    ...(cluster.nodes.some(({ metadata }) => metadata.name === name) ? (['node'] as const) : []),
    ...(cluster.pods.some((one) => podKey(one) === key) ? (['pod'] as const) : []),
    ...(sends ? workloadsNamed(cluster, key) : []),
    ...(!sends && cluster.services.some((one) => keyOf(one) === key) ? (['service'] as const) : []),
  ]
}

/** What makes pods and is called so; `key`: NAMESPACE/NAME. Those that are not known as objects stand in their pods. */
function workloadsNamed(cluster: Cluster, key: string): OwnerKind[] {
  const owners = cluster.pods.flatMap(({ metadata }) =>
    (metadata.ownerReferences ?? []).map(({ kind, name }) => `${kind.toLowerCase()} ${metadata.namespace}/${name}`),
  )
  const named = new Set([
    ...cluster.deployments.map((one) => `deployment ${keyOf(one)}`),
    ...cluster.replicaSets.map((one) => `replicaset ${keyOf(one)}`),
    ...owners,
  ])
  const kinds = ['deployment', 'statefulset', 'daemonset', 'job', 'replicaset'] as const
  return kinds.filter((kind) => named.has(`${kind} ${key}`))
}

export function findService(cluster: Cluster, { name, namespace: of }: ObjectName, namespace: string): Service {
  const wanted = of ?? namespace
  const service = cluster.services.find(({ metadata }) => metadata.name === name && metadata.namespace === wanted)
  if (service) return service
  throw missing('service', name, wanted, cluster.services.map(keyOf))
}

export function findNode(cluster: Cluster, name: string): Node {
  const node = cluster.nodes.find(({ metadata }) => metadata.name === name)
  if (node) return node
  const names = cluster.nodes.map(({ metadata }) => metadata.name)
  const like = nearest(name, names)
  const hint =
    like.length > 0 ? `did you mean ${like.join(' or ')}?` : names.length > 0 ? `there is ${names.join(', ')}` : ''
  throw notFound('node', name, hint)
}

/** One of the pods that a Deployment, StatefulSet, ... made: a ready one, or one that runs at all. */
export function podOfOwner(cluster: Cluster, wanted: ObjectName & { kind: OwnerKind }, namespace: string): Pod {
  const of = wanted.namespace ?? namespace
  const pods = podsOfOwner(cluster, wanted, of)
  const pod = pods.find((one) => isAlive(one) && isReady(one)) ?? pods.find((one) => isAlive(one) && podAddress(one))
  if (pod) return pod
  throw new KubehopError(
    'trace',
    'find the sender',
    'NotRunning',
    `${wanted.kind} ${of}/${wanted.name} has no pod that runs`,
  )
}

function podsOfOwner(cluster: Cluster, { kind, name }: ObjectName & { kind: OwnerKind }, namespace: string): Pod[] {
  if (kind === 'deployment') return podsOfDeployment(cluster, name, namespace)
  // Whatever made a pod stands in the pod itself, whether the object is known here or not.
  const owned = cluster.pods.flatMap((pod) =>
    (pod.metadata.ownerReferences ?? [])
      .filter((owner) => owner.kind.toLowerCase() === kind)
      .map((owner) => ({ pod, key: `${pod.metadata.namespace}/${owner.name}` })),
  )
  const pods = owned.filter(({ key }) => key === `${namespace}/${name}`).map(({ pod }) => pod)
  const replicaSet = kind === 'replicaset' && cluster.replicaSets.some((one) => keyOf(one) === `${namespace}/${name}`)
  if (pods.length > 0 || replicaSet) return pods
  throw missing(kind, name, namespace, [
    ...owned.map(({ key }) => key),
    ...(kind === 'replicaset' ? cluster.replicaSets.map(keyOf) : []),
  ])
}

function podsOfDeployment(cluster: Cluster, name: string, namespace: string): Pod[] {
  const deployment = cluster.deployments.find((one) => keyOf(one) === `${namespace}/${name}`)
  if (!deployment) throw missing('deployment', name, namespace, cluster.deployments.map(keyOf))
  const { uid } = deployment.metadata
  const owners = new Set([
    uid,
    ...cluster.replicaSets.filter((one) => isOwned(one, uid)).map(({ metadata }) => metadata.uid),
  ])
  return cluster.pods.filter((pod) => (pod.metadata.ownerReferences ?? []).some((owner) => owners.has(owner.uid)))
}

function isOwned(object: { metadata: { ownerReferences?: { uid: string }[] } }, uid: string | undefined): boolean {
  return (object.metadata.ownerReferences ?? []).some((owner) => owner.uid === uid)
}

function keyOf({ metadata }: { metadata: { namespace?: string; name: string } }): string {
  return `${metadata.namespace}/${metadata.name}`
}

function missing(kind: ObjectKind, name: string, namespace: string, all: readonly string[]): KubehopError {
  const here = all.filter((key) => key.startsWith(`${namespace}/`)).map((key) => key.slice(namespace.length + 1))
  // `svc/web.shop` is how DNS says it.
  const [first, of] = name.split('.')
  const elsewhere = [...new Set(all)].filter((key) => key.endsWith(`/${name}`) || key === `${of}/${first}`)
  const hint = elsewhere.length > 0 ? someOf(elsewhere, kind, namespace) : didYouMean(name, here)
  return notFound(kind, `${namespace}/${name}`, hint)
}

/** Of many namespaces the three that are most like the one that was meant: many have a pod called "client". */
function someOf(keys: readonly string[], kind: ObjectKind, namespace: string): string {
  const short = shortKind(kind)
  const ways = keys.map((key) => key.replace('/', `/${short}/`))
  if (keys.length <= 3) return `there is ${keys.join(', ')}: write ${ways.join(' or ')}`
  const spaceOf = (key: string): string => key.slice(0, key.indexOf('/'))
  const near = nearest(namespace, keys.map(spaceOf))
  const rank = (key: string): number => (near.includes(spaceOf(key)) ? near.indexOf(spaceOf(key)) : near.length)
  const sorted = keys.toSorted(
    (one, other) => rank(one) - rank(other) || one.localeCompare(other, 'en', { numeric: true }),
  )
  const way = `NAMESPACE/${short}/${sorted[0]?.split('/')[1]}`
  return `there is ${sorted.slice(0, 3).join(', ')} and ${keys.length - 3} more: write ${way} with the one that is meant`
}

function notFound(kind: ObjectKind, key: string, hint: string): KubehopError {
  return new KubehopError(
    'trace',
    `find the ${kind}`,
    'NotFound',
    `there is no ${kind} ${key}${hint === '' ? '' : `; ${hint}`}`,
  )
}
