import { balancedAddresses, type Service } from '../../api/objects/service.ts'
import { type Address, parseAddress } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import { nearest } from '../../base/nearest.ts'
import { type Cluster, nodesThatServe, readyEndpoints } from '../cluster/cluster.ts'
import { findPod, findService } from './find-object.ts'
import { addressOfNode, running } from './find-origin.ts'
import { isKind, type ObjectName } from './object-name.ts'
import { namespaceOf, type Origin } from '../origin.ts'
import type { Target } from './target.ts'
import { plainPort, podPort, servicePort } from './target-port.ts'

/** Where a request is to go, as far as it is known before any name is looked up. */
export type Destination =
  | { readonly kind: 'name'; readonly name: string; readonly port: number }
  | { readonly kind: 'address'; readonly address: Address; readonly port: number }

/** `namespace`: where names without one are meant, for a sender that is in none itself. */
export function findDestination(cluster: Cluster, target: Target, origin: Origin, namespace: string): Destination {
  const { host } = target
  const here = namespaceOf(origin) ?? namespace
  if (host.kind === 'object') return ofObject(cluster, target, host.object, origin, here)
  if (host.kind === 'address') return addressOf(target, host.address)
  const service = serviceNamed(cluster, host.name, here)
  if (!service && isKind(host.name) && target.path !== '/') throw objectInUrl(target, host.name)
  const machine = target.protocol === 'icmp' && !service ? machineNamed(cluster, host.name, here) : undefined
  if (machine) return ofObject(cluster, target, machine, origin, here)
  if (!service && target.port === undefined && target.protocol !== 'icmp')
    refuseNearName(cluster, target, host.name, here)
  const port = service ? servicePort(service, target) : plainPort(target, `${host.name}:80`)
  return { kind: 'name', name: host.name, port }
}

/** An address and its port, which need no object. @throws KubehopError for IPv6, and where the port is missing. */
export function addressOf(target: Target, address: Address): Extract<Destination, { kind: 'address' }> {
  if (address.includes(':')) throw onlyIpv4(target, address)
  return { kind: 'address', address, port: plainPort(target, `${address}:80`) }
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

/** Without a port only the name of a service is enough: one that is nearly that is said before the port is. */
function refuseNearName(cluster: Cluster, { text }: Target, name: string, here: string): void {
  const short = name.toLowerCase().replace(/\.$/, '')
  const [first = '', of] = short
    .replace(`.svc.${cluster.zone}`, '')
    .replace(/\.svc$/, '')
    .split('.')
  const namesOf = ({ metadata }: Service): string =>
    metadata.namespace === here ? metadata.name : `${metadata.name}.${metadata.namespace}`
  const same = cluster.services.filter(({ metadata }) => metadata.name === first).map(namesOf)
  const like = same.length > 0 ? same : nearest(short, cluster.services.map(namesOf))
  if (like.length === 0) return
  const spaces = new Set([...cluster.services, ...cluster.pods].map(({ metadata }) => metadata.namespace ?? 'default'))
  const lost = of !== undefined && !spaces.has(of)
  const say = lost ? `nothing is in a namespace "${of}"` : `there is no service ${first} in namespace ${of ?? here}`
  throw new KubehopError(
    'trace',
    'find the service',
    'NotFound',
    `"${text}": ${say}; did you mean ${like.slice(0, 3).join(' or ')}? (a name of somebody else needs its port: ${name}:80)`,
  )
}

/** An echo request is for a machine: a name that no service has is a pod's, or a node's, before it is one for DNS. */
function machineNamed(cluster: Cluster, name: string, namespace: string): ObjectName | undefined {
  if (cluster.pods.some(({ metadata }) => metadata.name === name && metadata.namespace === namespace))
    return { kind: 'pod', name }
  return cluster.nodes.some(({ metadata }) => metadata.name === name) ? { kind: 'node', name } : undefined
}

function ofObject(cluster: Cluster, target: Target, object: ObjectName, origin: Origin, here: string): Destination {
  if (object.kind === 'node') {
    const port = plainPort(target, `node/${object.name}:10250`)
    return { kind: 'address', address: addressOfNode(cluster, object.name), port }
  }
  if (object.kind === 'service') return ofService(cluster, target, findService(cluster, object, here), origin)
  refusePath(cluster, target, object, here)
  const pod = findPod(cluster, object, here)
  const { address } = running(pod)
  if (address.includes(':')) throw onlyIpv4(target, address)
  return { kind: 'address', address, port: podPort(pod, target) }
}

/** `web/path`, which is read as pod `path` of namespace `web`, where there is a service web and no such namespace. */
function refusePath(cluster: Cluster, { text }: Target, { namespace, name }: ObjectName, here: string): void {
  if (namespace === undefined || text.split('/').length !== 2) return
  if (cluster.pods.some(({ metadata }) => metadata.namespace === namespace)) return
  if (!serviceNamed(cluster, namespace, here)) return
  const say = `"${text}": there is no pod ${namespace}/${name}; ${namespace} is a service: write http://${namespace}/${name}`
  throw new KubehopError('trace', 'find the pod', 'NotFound', say)
}

function ofService(cluster: Cluster, target: Target, service: Service, origin: Origin): Destination {
  const port = servicePort(service, target)
  const address = service.spec.clusterIP === undefined ? undefined : parseAddress(service.spec.clusterIP)
  if (address !== undefined) {
    const way = origin.kind === 'outside' ? fromOutside(cluster, service, port) : undefined
    const to = way ?? { address, port }
    if (to.address.includes(':')) throw onlyIpv4(target, to.address)
    return { kind: 'address', ...to }
  }
  // Without an address of its own (headless, ExternalName) a service is only a name, which the cluster's DNS tells to pods.
  const [pod] = service.spec.type === 'ExternalName' || origin.kind === 'pod' ? [] : endpointsOf(cluster, service)
  if (pod !== undefined) return { kind: 'address', address: pod, port }
  return { kind: 'name', name: `${service.metadata.name}.${service.metadata.namespace}.svc.${cluster.zone}`, port }
}

/** What clients elsewhere use: the load balancer's address, or else the node port, of a node that has somebody to answer. */
function fromOutside(cluster: Cluster, service: Service, port: number): { address: Address; port: number } | undefined {
  const [balanced] = balancedAddresses(service)
  if (balanced !== undefined) return { address: balanced, port }
  const nodePort = service.spec.ports?.find((one) => one.port === port)?.nodePort
  const [node] = nodesThatServe(cluster, service)
  return nodePort === undefined || node === undefined
    ? undefined
    : { address: addressOfNode(cluster, node), port: nodePort }
}

function endpointsOf(cluster: Cluster, service: Service): Address[] {
  const names = service.spec.ports?.length ? service.spec.ports.map(({ name }) => name) : [undefined]
  return names.flatMap((name) => readyEndpoints(cluster, service, name)).map(({ address }) => address)
}

/** `http://svc/web/`: the host of a URL is a name, and nobody is called svc. */
function objectInUrl({ text, protocol, path }: Target, kind: string): KubehopError {
  const [, name = 'NAME'] = path.split(/[/?]/)
  const say = `"${text}": behind ${protocol}:// stands a name, not an object; write ${protocol}://${name}/, or ${kind}/${name} without ${protocol}://`
  return new KubehopError('trace', 'read the request', 'Usage', say)
}

function onlyIpv4(target: Target, address: Address): KubehopError {
  const say = `"${target.text}": ${address} is IPv6, and a trace follows IPv4 only; write an IPv4 address, or a name`
  return new KubehopError('trace', 'read the request', 'OnlyIpv4', say)
}
