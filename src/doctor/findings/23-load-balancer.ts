import type { Service } from '../../api/objects/service.ts'
import { ownerOf, serviceAt } from '../../trace/cluster/cluster.ts'
import { transportOf } from '../../trace/ask/target.ts'
import type { Check, Finding, View } from '../types.ts'
import { ageOf, nameOf, referTo } from './finding.ts'

/** A load balancer without an address, and node ports that cannot be reached from where they are asked. */
export const check: Check = {
  number: 23,
  title: 'pending or unreachable: nobody makes the load balancer, or no way to the node port',
  codes: ['LoadBalancerPending', 'NodePortUnreachable', 'ClusterOnly'],
  needs: 'objects',
  uses: 'request',
  find: (view) => [
    ...view.cluster.services
      .filter(({ spec, metadata }) => spec.type === 'LoadBalancer' && metadata.deletionTimestamp === undefined)
      .flatMap((service) => pending(view, service)),
    ...unreachable(view),
    ...clusterOnly(view),
  ],
}

/** Clouds take a minute or two to make one. */
const patienceSeconds = 120

function pending(view: View, service: Service): Finding[] {
  if ((service.status?.loadBalancer?.ingress ?? []).length > 0 || view.balanced === true) return []
  const said = (view.events ?? []).find(
    ({ type, involvedObject: about }) =>
      type === 'Warning' &&
      about.kind === 'Service' &&
      about.name === service.metadata.name &&
      about.namespace === service.metadata.namespace,
  )
  const nobody = view.balanced === false
  const ports = nodePortsOf(service)
  const { loadBalancerClass } = service.spec
  const who = loadBalancerClass === undefined ? 'nobody' : `nobody for the class ${loadBalancerClass}`
  return [
    {
      number: 23,
      code: 'LoadBalancerPending',
      level: 'warning',
      object: referTo(service),
      field: 'spec.type',
      sure: nobody ? 'certain' : 'likely',
      early: !nobody && said === undefined && ageOf(service, view.now) < patienceSeconds,
      evidence: [
        { kind: 'object', text: `${nameOf(service)}: status.loadBalancer has no ingress` },
        ...(said ? [{ kind: 'object' as const, text: `${said.reason}: ${said.message}` }] : []),
      ],
      say: `${nameOf(service)} waits for a load balancer's address (EXTERNAL-IP <pending>), and ${who} gives it one${said?.message === undefined ? '' : `: ${said.message}`}`,
      fix:
        ports.length > 0
          ? `be content with node ports (type NodePort: ${ports.join(', ')} of every node), or run what gives out addresses`
          : 'be content with node ports (type NodePort), or run what gives out addresses',
      patch: { ...referTo(service), type: 'merge', body: { spec: { type: 'NodePort' } } },
    },
  ]
}

/** One number may be there twice, for TCP and UDP. */
function nodePortsOf({ spec }: Service): number[] {
  return [...new Set((spec.ports ?? []).flatMap(({ nodePort }) => nodePort ?? []))]
}

/** A cluster IP is translated by nodes, so nobody else knows a way to it. */
function clusterOnly({ cluster, request }: View): Finding[] {
  if (!request?.to || request.verdict === 'delivered' || request.source.kind !== 'outside') return []
  const owner = ownerOf(cluster, request.to.address)
  if (owner.kind !== 'service' || !(owner.service.spec.clusterIPs ?? []).includes(request.to.address)) return []
  const { service } = owner
  const name = nameOf(service)
  const ports = nodePortsOf(service)
  return [
    {
      number: 23,
      code: 'ClusterOnly',
      level: 'error',
      object: referTo(service),
      field: 'spec.type',
      sure: 'certain',
      evidence: [
        { kind: 'object', text: `${name}: type ${service.spec.type ?? 'ClusterIP'}, cluster IP ${request.to.address}` },
      ],
      say: `${request.to.address} is the cluster IP of ${name}: only pods and nodes can use it, because nodes are who translates it`,
      ...(ports.length > 0
        ? { fix: `ask a node port: ${ports.map((port) => `ADDRESS-OF-A-NODE:${port}`).join(', ')}` }
        : {
            fix: 'give the service a port on every node (type NodePort), or a load balancer',
            patch: { ...referTo(service), type: 'merge', body: { spec: { type: 'NodePort' } } },
          }),
    },
  ]
}

/** The node has the port, and the packet never came there. */
function unreachable({ cluster, request }: View): Finding[] {
  if (!request?.to || (request.verdict !== 'no-answer' && request.verdict !== 'unreachable')) return []
  const { to, target, story, source } = request
  const owner = ownerOf(cluster, to.address)
  if (owner.kind !== 'node') return []
  const at = serviceAt(cluster, to.address, to.port, transportOf(target.protocol))
  const node = owner.node.metadata.name
  if (!at || source.node === node || story.flow.there.some(({ place }) => place.node === node)) return []
  const last = story.flow.there.at(-1)
  return [
    {
      number: 23,
      code: 'NodePortUnreachable',
      level: 'error',
      object: referTo(owner.node),
      also: [referTo(at.service)],
      sure: 'likely',
      evidence: [{ kind: 'packet', text: `last seen at ${last?.place.name ?? source.key}, never at ${node}` }],
      say: `${to.address}:${to.port} is a node port of ${nameOf(at.service)}, and the packet never came to ${node}`,
      fix: `the way to ${to.address} is wrong, not the service: look at the routes and the firewall between ${source.key} and ${node}`,
    },
  ]
}
