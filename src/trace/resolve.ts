import type { Pod } from '../api/objects/pod.ts'
import type { Service } from '../api/objects/service.ts'
import type { Address } from '../base/address.ts'
import { parseAddress } from '../base/address.ts'
import { KubehopError } from '../base/errors.ts'
import { type Cluster, isAlive, isReady, podAddress, podKey } from './cluster.ts'
import { didYouMean } from '../base/nearest.ts'
import type { Origin } from './origin.ts'
import { type ObjectName, type Target, transportOf } from './target.ts'

/** Where a request is to go, as far as it is known before any name is looked up. */
export type Destination =
  | { readonly kind: 'name'; readonly name: string; readonly port: number }
  | { readonly kind: 'address'; readonly address: Address; readonly port: number }

/** The pod to send from. A deployment lends one of its ready pods. */
export function findSource(cluster: Cluster, wanted: ObjectName, namespace: string): Origin & { pod: Pod } {
  return wanted.kind === 'deployment'
    ? podOfDeployment(cluster, wanted, namespace)
    : running(findPod(cluster, wanted, namespace))
}

export function findDestination(cluster: Cluster, target: Target, namespace: string): Destination {
  const { host } = target
  if (host.kind === 'object' && host.object.kind === 'pod') {
    const pod = running(findPod(cluster, host.object, namespace))
    return { kind: 'address', address: pod.address, port: podPort(pod.pod, target) }
  }
  if (host.kind === 'object') {
    const service = findService(cluster, host.object, namespace)
    const port = servicePort(service, target)
    const address = service.spec.clusterIP === undefined ? undefined : parseAddress(service.spec.clusterIP)
    // Without an address of its own (headless, ExternalName) a service is only a name.
    if (address === undefined)
      return { kind: 'name', name: `${service.metadata.name}.${service.metadata.namespace}.svc.${cluster.zone}`, port }
    return { kind: 'address', address, port }
  }
  if (host.kind === 'address') return { ...host, port: number(target, undefined, `${host.address}:80`) }
  const service = serviceNamed(cluster, host.name, namespace)
  const port =
    typeof target.port === 'number'
      ? target.port
      : service
        ? servicePort(service, target)
        : number(target, undefined, `${host.name}:80`)
  return { kind: 'name', name: host.name, port }
}

/** The service that a name means to a pod of this namespace: `web`, `web.shop`, `web.shop.svc`, `web.shop.svc.ZONE`. */
export function serviceNamed(cluster: Cluster, name: string, namespace: string): Service | undefined {
  const lower = name.toLowerCase().replace(/\.$/, '')
  const short = lower.endsWith(`.svc.${cluster.zone}`)
    ? lower.slice(0, -`.svc.${cluster.zone}`.length)
    : lower.replace(/\.svc$/, '')
  const [service, of = namespace, ...rest] = short.split('.')
  if (rest.length > 0) return undefined
  return cluster.services.find(({ metadata }) => metadata.name === service && metadata.namespace === of)
}

function findPod(cluster: Cluster, { name, namespace: of }: ObjectName, namespace: string): Pod {
  const wanted = of ?? namespace
  const pod = cluster.pods.find(({ metadata }) => metadata.name === name && metadata.namespace === wanted)
  if (pod) return pod
  throw missing('pod', name, wanted, cluster.pods.map(podKey))
}

function findService(cluster: Cluster, { name, namespace: of }: ObjectName, namespace: string): Service {
  const wanted = of ?? namespace
  const service = cluster.services.find(({ metadata }) => metadata.name === name && metadata.namespace === wanted)
  if (service) return service
  throw missing(
    'service',
    name,
    wanted,
    cluster.services.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
  )
}

function podOfDeployment(
  cluster: Cluster,
  { name, namespace: of }: ObjectName,
  namespace: string,
): Origin & { pod: Pod } {
  const wanted = of ?? namespace
  const deployment = cluster.deployments.find(({ metadata }) => metadata.name === name && metadata.namespace === wanted)
  if (!deployment)
    throw missing(
      'deployment',
      name,
      wanted,
      cluster.deployments.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`),
    )
  const owners = new Set([
    deployment.metadata.uid,
    ...cluster.replicaSets.filter((one) => ownedBy(one, deployment.metadata.uid)).map(({ metadata }) => metadata.uid),
  ])
  const pods = cluster.pods.filter((pod) => (pod.metadata.ownerReferences ?? []).some(({ uid }) => owners.has(uid)))
  const pod =
    pods.find((one) => isAlive(one) && isReady(one)) ??
    pods.find((one) => isAlive(one) && podAddress(one) !== undefined)
  if (pod) return running(pod)
  throw new KubehopError('trace', 'find the sender', 'NotRunning', `deployment ${wanted}/${name} has no pod that runs`)
}

function ownedBy(object: { metadata: { ownerReferences?: { uid: string }[] } }, uid: string | undefined): boolean {
  return (object.metadata.ownerReferences ?? []).some((owner) => owner.uid === uid)
}

function running(pod: Pod): Origin & { pod: Pod } {
  const address = podAddress(pod)
  const node = pod.spec.nodeName
  if (address === undefined || node === undefined || !isAlive(pod))
    throw new KubehopError(
      'trace',
      'find the pod',
      'NotRunning',
      `pod ${podKey(pod)} does not run: ${pod.status?.phase ?? 'Pending'}${node === undefined ? ', on no node yet' : ''}`,
    )
  if (pod.spec.hostNetwork)
    throw new KubehopError(
      'trace',
      'find the pod',
      'HostNetwork',
      `pod ${podKey(pod)} uses its node’s network: it has none of its own to watch`,
    )
  return { kind: 'pod', key: podKey(pod), node, address, pod }
}

function podPort(pod: Pod, target: Target): number {
  if (target.protocol === 'icmp') return 0
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? [])
  if (typeof target.port === 'string') {
    const found = ports.find(({ name }) => name === target.port)
    if (found) return found.containerPort
    throw port(
      target,
      `pod ${podKey(pod)} has no port named "${target.port}"`,
      ports.map(({ name, containerPort }) => name ?? String(containerPort)),
    )
  }
  const protocol = protocolOf(target)
  const only = ports.filter((one) => (one.protocol ?? 'TCP') === protocol)
  if (target.port === undefined && only.length === 1 && only[0]) return only[0].containerPort
  return number(
    target,
    only.map(({ containerPort }) => String(containerPort)),
    `pod/${pod.metadata.name}:8080`,
  )
}

function servicePort(service: Service, target: Target): number {
  if (target.protocol === 'icmp') return 0
  const ports = service.spec.ports ?? []
  if (typeof target.port === 'string') {
    const found = ports.find(({ name }) => name === target.port)
    if (found) return found.port
    throw port(
      target,
      `service ${service.metadata.name} has no port named "${target.port}"`,
      ports.map((one) => one.name ?? String(one.port)),
    )
  }
  const fitting = ports.filter((one) => (one.protocol ?? 'TCP') === protocolOf(target))
  if (target.port === undefined && fitting.length === 1 && fitting[0]) return fitting[0].port
  return number(
    target,
    fitting.map((one) => String(one.port)),
    `svc/${service.metadata.name}:80`,
  )
}

function protocolOf(target: Target): string {
  return transportOf(target.protocol).toUpperCase()
}

function number(target: Target, choices: readonly string[] | undefined, example: string): number {
  if (target.protocol === 'icmp') return 0
  if (typeof target.port === 'number') return target.port
  throw port(
    target,
    typeof target.port === 'string'
      ? `"${target.port}" is a port’s name; nothing here has names for its ports`
      : 'the port is missing',
    choices ?? [],
    example,
  )
}

function port(target: Target, say: string, choices: readonly string[], example?: string): KubehopError {
  const which = choices.length > 0 ? `; there is ${[...new Set(choices)].join(', ')}` : ''
  return new KubehopError(
    'trace',
    'read the request',
    'Usage',
    `"${target.text}": ${say}${which}${example === undefined ? '' : ` (write, for example, ${example})`}`,
  )
}

const shortKinds = { pod: 'pod', service: 'svc', deployment: 'deploy' }

function missing(kind: ObjectName['kind'], name: string, namespace: string, all: readonly string[]): KubehopError {
  const here = all.filter((key) => key.startsWith(`${namespace}/`)).map((key) => key.slice(namespace.length + 1))
  // `svc/web.shop` is how DNS says it.
  const [first, of] = name.split('.')
  const elsewhere = all.filter((key) => key.endsWith(`/${name}`) || key === `${of}/${first}`)
  const ways = elsewhere.map((key) => key.replace('/', `/${shortKinds[kind]}/`))
  const hint =
    elsewhere.length > 0 ? `there is ${elsewhere.join(', ')}: write ${ways.join(' or ')}` : didYouMean(name, here)
  return new KubehopError(
    'trace',
    `find the ${kind}`,
    'NotFound',
    `there is no ${kind} ${namespace}/${name}${hint === '' ? '' : `; ${hint}`}`,
  )
}
