import type { Service, ServicePort } from '../../api/objects/service.ts'
import type { Address } from '../../base/address.ts'
import type { Case } from '../../trace/case.ts'
import { nodeAt, ownerOf, serviceAt } from '../../trace/cluster/cluster.ts'
import { type Target, transportOf } from '../../trace/ask/target.ts'
import { directoryOf, spaceOf } from '../directory.ts'
import type { Check, Finding, View } from '../types.ts'
import { listed, nameOf, referTo } from './finding.ts'
import { targetNumbers } from './meant-port.ts'

/** A port of the wrong kind: `port` is the service's, `targetPort` its pods', `nodePort` its nodes'. */
export const check: Check = {
  number: 7,
  title: 'refused: port, nodePort and targetPort confused',
  codes: ['NoSuchPort', 'PortOfService', 'PortOfPod'],
  needs: 'request',
  find: (view) => [...atService(view), ...atNode(view), ...atPod(view)],
}

/** The service exists, the port does not. */
function atService({ cluster, request }: View): Finding[] {
  if (!request?.to || request.verdict === 'delivered') return []
  const { to, target } = request
  const owner = ownerOf(cluster, to.address)
  const protocol = transportOf(target.protocol).toUpperCase()
  if (owner.kind !== 'service' || protocol === 'ICMP') return []
  // Of an external IP that is a node's address only its ports are the service's: the rest is the node's own, and told as such.
  if (nodeAt(cluster, to.address) || serviceAt(cluster, to.address, to.port, transportOf(target.protocol))) return []
  const ports = owner.service.spec.ports ?? []
  const others = ports.filter(
    (one) => one.nodePort === to.port || targetNumbers(cluster, owner.service, one).includes(to.port),
  )
  const meant = others.find((one) => (one.protocol ?? 'TCP') === protocol) ?? others[0]
  const list = ports.map((one) => `${one.port}/${one.protocol ?? 'TCP'}`).join(', ')
  const which =
    meant === undefined
      ? ''
      : `; ${to.port} is its ${meant.nodePort === to.port ? 'nodePort, which the nodes’ own addresses have' : 'targetPort, which its pods have'}`
  return [
    {
      number: 7,
      code: 'NoSuchPort',
      level: 'error',
      object: referTo(owner.service),
      field: 'spec.ports',
      sure: 'certain',
      evidence: [{ kind: 'object', text: `${nameOf(owner.service)}: ports ${list === '' ? 'none' : list}` }],
      say: `${nameOf(owner.service)} has no port ${to.port}/${protocol}; it has ${list === '' ? 'none' : list}${which}${outer(owner.service, to.address)}`,
      fix: [
        ...instead(request, ports, meant),
        `add port ${to.port}${protocol === 'TCP' ? '' : `/${protocol}`} to the service`,
      ].join(', or '),
    },
  ]
}

/** Who asks a cluster IP for such a port is refused. Other addresses may be somebody else's as well: rules leave all but the ports alone. */
function outer({ spec }: Service, to: Address): string {
  if ((spec.clusterIPs ?? [spec.clusterIP]).includes(to)) return ''
  return `; ${to} is not its cluster IP, so nobody says so: what is for other ports goes on as for an address of anybody`
}

/** What to ask instead: by the right scheme, by the right protocol, or for the right port. */
function instead({ to, target, nameless }: Case, ports: readonly ServicePort[], meant?: ServicePort): string[] {
  const protocol = transportOf(target.protocol).toUpperCase()
  const of = (one: ServicePort): string => one.protocol ?? 'TCP'
  const scheme = target.protocol === 'https' ? 'http' : 'https'
  const usual = { http: 80, https: 443 }
  const isUsual = (target.protocol === 'http' || target.protocol === 'https') && to?.port === usual[target.protocol]
  if (!meant && isUsual && ports.some((one) => of(one) === 'TCP' && one.port === usual[scheme]))
    return [`use ${scheme}://${hostOf(target)}${target.path}`]
  const port =
    ports.find((one) => one.port === to?.port) ?? meant ?? ports.find((one) => of(one) === protocol) ?? ports[0]
  if (!port) return []
  if (of(port) === protocol) return [`ask for port ${port.port}`]
  // What was sent is a question, and the name in it is not whom it was sent to.
  const host = nameless === true || target.protocol === 'dns' ? to?.address : hostOf(target)
  return [`ask by ${of(port)}: ${of(port).toLowerCase()}://${host}:${port.port}`]
}

/** As it was written, without scheme, port and path: `web`, `svc/web`, `100.64.0.5`. */
function hostOf({ text, protocol }: Target): string {
  const bare = text.replace(/^[a-z]+:\/\//i, '')
  const authority =
    protocol === 'http' || protocol === 'https' ? bare.replace(/[/?#].*$/s, '') : bare.replace(/\/$/, '')
  return authority.replace(/:[^:]*$/, '')
}

/** A node is asked on the port of a service, where its nodePort leads on; or on the nodePort by another protocol. */
function atNode({ cluster, request }: View): Finding[] {
  if (!request?.to || request.verdict === 'delivered') return []
  const { to, target } = request
  const owner = ownerOf(cluster, to.address)
  const node = owner.kind === 'node' ? owner.node : nodeAt(cluster, to.address)
  const protocol = transportOf(target.protocol)
  if (!node || serviceAt(cluster, to.address, to.port, protocol)) return []
  const speaks = ({ protocol: of = 'TCP' }: ServicePort): string => of.toLowerCase()
  const all = cluster.services.flatMap((service) => (service.spec.ports ?? []).map((port) => ({ service, port })))
  const common = {
    number: 7,
    code: 'PortOfService',
    level: 'error',
    also: [referTo(node)],
    field: 'spec.ports',
  } as const
  const other = protocol === 'icmp' ? undefined : all.find(({ port }) => port.nodePort === to.port)
  if (other) {
    const meant = speaks(other.port).toUpperCase()
    return [
      {
        ...common,
        object: referTo(other.service),
        sure: 'certain',
        evidence: [{ kind: 'object', text: `${nameOf(other.service)}: nodePort ${to.port}/${meant}` }],
        say: `${to.port} is a node port of ${nameOf(other.service)} by ${meant}, and ${node.metadata.name} was asked by ${protocol.toUpperCase()}`,
        fix: `ask by ${meant}: ${meant.toLowerCase()}://${to.address}:${to.port}`,
      },
    ]
  }
  const meant = all.filter(
    ({ service, port }) =>
      port.nodePort !== undefined &&
      speaks(port) === protocol &&
      (port.port === to.port || targetNumbers(cluster, service, port).includes(to.port)),
  )
  const [first] = meant
  if (!first) return []
  return [
    {
      ...common,
      object: referTo(first.service),
      sure: meant.length === 1 ? 'likely' : 'possible',
      evidence: meant.slice(0, 3).map(({ service, port }) => ({
        kind: 'object',
        text: `${nameOf(service)}: port ${port.port}, targetPort ${port.targetPort}, nodePort ${port.nodePort}`,
      })),
      say: `${to.port} is a port of ${listed(meant.map(({ service }) => nameOf(service)))}, and ${node.metadata.name} was asked for it: a node answers for services on their nodePort only`,
      fix: `ask for ${to.address}:${first.port.nodePort}`,
    },
  ]
}

/** A pod is asked on the port of its service: nobody translates it there. */
function atPod({ cluster, request }: View): Finding[] {
  if (!request?.to || request.verdict !== 'refused') return []
  const { to, target } = request
  const owner = ownerOf(cluster, to.address)
  if (owner.kind !== 'pod' || target.host.kind === 'name') return []
  const { pod } = owner
  const protocol = transportOf(target.protocol).toUpperCase()
  const directory = directoryOf(cluster)
  for (const service of cluster.services) {
    if (spaceOf(service) !== spaceOf(pod)) continue
    const port = service.spec.ports?.find((one) => one.port === to.port && (one.protocol ?? 'TCP') === protocol)
    if (!port || !directory.matching(spaceOf(service), service.spec.selector ?? {}).includes(pod)) continue
    const numbers = targetNumbers(cluster, service, port)
    if (numbers.length === 0 || numbers.includes(to.port)) continue
    return [
      {
        number: 7,
        code: 'PortOfPod',
        level: 'error',
        object: referTo(pod),
        also: [referTo(service)],
        sure: 'likely',
        evidence: [{ kind: 'object', text: `${nameOf(service)}: port ${port.port}, targetPort ${port.targetPort}` }],
        say: `${to.port} is the port of ${nameOf(service)}, and the pod itself was asked for it: its own port is ${numbers.join(' or ')}`,
        fix: `ask for ${to.address}:${numbers[0]}, or the service`,
      },
    ]
  }
  return []
}
