import { isReady, ownerOf, readyEndpoints, serviceAt } from '../../trace/cluster.ts'
import { transportOf } from '../../trace/target.ts'
import { listenerText } from '../../trace/tell/atpod.ts'
import { factsOf, ipOf } from '../../trace/tell/story.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, referTo } from './finding.ts'
import { isLoopback } from './listeners.ts'

/** The service leads to a port that no pod has, or where nobody listens. */
export const check: Check = {
  number: 2,
  title: 'refused: targetPort is wrong, or no container has it',
  codes: ['NobodyListens', 'PortNotInSlice'],
  needs: 'request',
  find: (view) => [...unknownPort(view), ...nobodyListens(view), ...nodeRefuses(view)],
}

function unknownPort({ cluster, request }: View): Finding[] {
  if (!request?.to || request.verdict === 'delivered') return []
  const { to, target } = request
  const at = serviceAt(cluster, to.address, to.port, transportOf(target.protocol))
  if (!at || readyEndpoints(cluster, at.service, at.port.name).length > 0) return []
  const { service, port } = at
  const selector = Object.entries(service.spec.selector ?? {})
  const ready = cluster.pods.filter(
    (pod) =>
      pod.metadata.namespace === service.metadata.namespace &&
      selector.every(([key, value]) => pod.metadata.labels?.[key] === value) &&
      isReady(pod),
  )
  if (selector.length === 0 || ready.length === 0) return []
  const wanted = port.targetPort ?? port.port
  return [
    {
      number: 2,
      code: 'PortNotInSlice',
      level: 'error',
      object: referTo(service),
      field: 'spec.ports',
      sure: 'certain',
      evidence: [{ kind: 'object', text: `${nameOf(service)}: port ${port.port}, targetPort ${wanted}` }],
      say: `${nameOf(service)} has ready pods, but none of them has the port that targetPort ${wanted} means`,
      fix: 'name the port in the container, or write its number',
    },
  ]
}

/** The packet reached its pod, and no socket there takes it. */
function nobodyListens({ cluster, request }: View): Finding[] {
  if (!request) return []
  const { verdict, story, to } = request
  const last = story.flow.there.at(-1)
  if (verdict !== 'refused' || !last || last.place.kind !== 'pod') return []
  const { transport } = ipOf(last)
  const facts = factsOf(story, last.place)
  if (!facts || (transport?.kind !== 'tcp' && transport?.kind !== 'udp')) return []
  const port = transport.destinationPort
  const pod = `pod ${last.place.name}`
  const waiting = facts.listeners.filter(({ protocol }) => protocol === transport.kind)
  if (waiting.some((one) => one.port === port)) return []
  const others = waiting.filter((one) => !isLoopback(one))
  const service = to && ownerOf(cluster, to.address)
  const spec =
    service?.kind === 'service' ? service.service.spec.ports?.find((one) => one.port === to?.port) : undefined
  const what =
    others.length === 0 ? 'nothing listens there' : `what listens there: ${others.map(listenerText).join('; ')}`
  const suggestion = others[0]?.port
  const fix =
    suggestion === undefined
      ? 'is the program started? kubectl logs says'
      : spec && service?.kind === 'service'
        ? `set targetPort ${suggestion} in service ${service.service.metadata.namespace}/${service.service.metadata.name}, or let the program listen on ${port}`
        : `ask for port ${suggestion}`
  const [namespace = '', name = ''] = last.place.name.split('/')
  return [
    {
      number: 2,
      code: 'NobodyListens',
      level: 'error',
      object: spec && service?.kind === 'service' ? referTo(service.service) : { kind: 'Pod', namespace, name },
      ...(spec && { field: 'spec.ports' }),
      sure: 'certain',
      evidence: [{ kind: 'socket', text: `${pod}: ${waiting.map(listenerText).join('; ') || 'no socket waits'}` }],
      say: `nobody listens on port ${port} in ${pod}; ${what}`,
      fix,
    },
  ]
}

/** A node answers for itself, and no program of its own waits there. */
function nodeRefuses({ cluster, request }: View): Finding[] {
  if (!request?.to || request.verdict !== 'refused') return []
  const { to } = request
  const owner = ownerOf(cluster, to.address)
  if (owner.kind !== 'node' || (to.address === cluster.nodeDns?.address && to.port === 53)) return []
  return [
    {
      number: 2,
      code: 'NobodyListens',
      level: 'error',
      object: referTo(owner.node),
      sure: 'certain',
      evidence: [{ kind: 'packet', text: `${owner.node.metadata.name} refused port ${to.port}` }],
      say: `nobody listens on port ${to.port} of ${owner.node.metadata.name} itself`,
      fix: 'programs run in pods, which have addresses of their own: kubectl get pods -A -o wide',
    },
  ]
}
