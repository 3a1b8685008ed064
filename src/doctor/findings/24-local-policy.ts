import type { Service } from '../../api/objects/service.ts'
import { parseAddress } from '../../base/address.ts'
import { isAlive, ownerOf, serviceAt } from '../../trace/cluster/cluster.ts'
import { keptOut } from '../../trace/cluster/kept-out.ts'
import { transportOf } from '../../trace/ask/target.ts'
import { directoryOf } from '../directory.ts'
import type { Check, Finding, Patch, View } from '../types.ts'
import { failedAt, listed, nameOf, referTo } from './finding.ts'

/** The service has pods, and its own rules keep requests from them: who may send, and from which node. */
export const check: Check = {
  number: 24,
  title: 'timeout: a traffic policy of Local, and no pod on the node',
  codes: ['NoPodOnNode', 'SourceRange'],
  needs: 'objects',
  uses: 'request',
  find: (view) => {
    const asked = failedAt(view)
    return [
      ...fromRequest(view),
      ...view.cluster.services.filter((one) => one !== asked).flatMap((service) => nodesWithout(view, service)),
    ]
  },
}

function fromRequest({ cluster, request }: View): Finding[] {
  const last = request?.hops.at(-1)
  if (!request?.to || request.verdict === 'delivered' || last?.action !== 'dropped' || last.component !== 'proxy')
    return []
  const { to, target } = request
  const from = parseAddress(last.packet.src.slice(0, last.packet.src.lastIndexOf(':')))
  if (from === undefined) return []
  const protocol = transportOf(target.protocol)
  const kept = keptOut(cluster, { from, to: to.address, port: to.port, protocol, node: last.node })
  const service = serviceAt(cluster, to.address, to.port, protocol)?.service
  if (!kept || !service) return []
  const field = kept.code === 'SourceRange' ? 'loadBalancerSourceRanges' : policyField(service, to.address)
  return [
    {
      number: 24,
      code: kept.code,
      level: 'error',
      object: referTo(service),
      also: nodeOf(cluster, to.address),
      field: `spec.${field}`,
      sure: 'certain',
      evidence: [last.because],
      say: kept.say,
      fix: kept.fix,
      ...(kept.code === 'NoPodOnNode' && {
        patch: { ...referTo(service), type: 'merge', body: { spec: { [field]: 'Cluster' } } },
      }),
    },
  ]
}

function policyField({ spec }: Service, to: string): 'internalTrafficPolicy' | 'externalTrafficPolicy' {
  return [spec.clusterIP, ...(spec.clusterIPs ?? [])].includes(to) ? 'internalTrafficPolicy' : 'externalTrafficPolicy'
}

function nodeOf(cluster: View['cluster'], address: Parameters<typeof ownerOf>[1]): ReturnType<typeof referTo>[] {
  const owner = ownerOf(cluster, address)
  return owner.kind === 'node' ? [referTo(owner.node)] : []
}

/** Nodes that can be asked, and have no pod of the service. A load balancer that asks healthCheckNodePort passes by them. */
function nodesWithout(view: View, service: Service): Finding[] {
  const { spec, metadata } = service
  if (metadata.deletionTimestamp !== undefined || spec.type === 'ExternalName' || spec.clusterIP === 'None') return []
  const outer = spec.externalTrafficPolicy === 'Local' && (spec.type === 'NodePort' || spec.type === 'LoadBalancer')
  const inner = spec.internalTrafficPolicy === 'Local'
  if (!outer && !inner) return []
  const serving = servingNodes(view, service)
  if (serving.size === 0) return []
  const nodes = view.cluster.nodes.filter((one) => isWorking(one.status?.conditions))
  const without = nodes.map((one) => one.metadata.name).filter((name) => !serving.has(name))
  const say = `${nameOf(service)} has no ready pod on ${listed(without)}`
  const evidence = [{ kind: 'object' as const, text: `ready pods on ${[...serving].sort().join(', ')}` }]
  const common = { number: 24, code: 'NoPodOnNode', object: referTo(service), evidence } as const
  const patch = (field: string): Patch => ({
    ...referTo(service),
    type: 'merge',
    body: { spec: { [field]: 'Cluster' } },
  })
  const asking = without.filter((name) => directoryOf(view.cluster).podsOn(name).some(isAlive))
  const found: Finding[] = []
  if (outer && without.length > 0) {
    const checked = spec.type === 'LoadBalancer' && spec.healthCheckNodePort !== undefined
    found.push({
      ...common,
      level: checked ? 'info' : 'warning',
      field: 'spec.externalTrafficPolicy',
      sure: checked ? 'possible' : 'likely',
      say: `${say}, and its externalTrafficPolicy is Local: what comes from outside to ${without.length === 1 ? 'that node' : 'those nodes'} is dropped without a word${checked ? '; a load balancer that asks its health check port passes by' : ''}`,
      fix: 'set externalTrafficPolicy to Cluster (pods then see the node as the client), or run one of its pods on every node',
      ...(!checked && { patch: patch('externalTrafficPolicy') }),
    })
  }
  if (inner && asking.length > 0)
    found.push({
      ...common,
      level: 'warning',
      field: 'spec.internalTrafficPolicy',
      sure: 'possible',
      say: `${nameOf(service)} has no ready pod on ${listed(asking)}, and its internalTrafficPolicy is Local: what pods there send to it is dropped without a word`,
      fix: 'set internalTrafficPolicy to Cluster, or run one of its pods on every node (a DaemonSet)',
      patch: patch('internalTrafficPolicy'),
    })
  return found
}

function servingNodes({ cluster }: View, service: Service): ReadonlySet<string> {
  const directory = directoryOf(cluster)
  const names = directory.slices(service).flatMap(({ endpoints }) =>
    (endpoints ?? [])
      .filter(({ conditions }) => conditions?.ready !== false)
      .flatMap(({ nodeName, addresses }) => {
        if (nodeName !== undefined) return [nodeName]
        const address = parseAddress(addresses[0] ?? '')
        return address === undefined ? [] : directory.podsAt(address).flatMap((pod) => pod.spec.nodeName ?? [])
      }),
  )
  return new Set(names)
}

function isWorking(conditions: readonly { type: string; status: string }[] = []): boolean {
  return conditions.every(({ type, status }) => type !== 'Ready' || status === 'True')
}
