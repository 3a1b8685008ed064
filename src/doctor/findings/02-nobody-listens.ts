import { nodeAt, ownerOf, serviceAt } from '../../trace/cluster/cluster.ts'
import { transportOf } from '../../trace/ask/target.ts'
import { factsOf, ipOf } from '../../trace/tell/story.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, plural, referTo } from './finding.ts'
import { hears, isLoopback, type Socket, socketText } from './listeners.ts'
import { otherPorts, otherProtocol, protocolMeant, takenByOthers } from './meant-port.ts'
import { protocolPatch, targetPortPatch } from './patches.ts'
import { type Served, servedPorts, socketsOf, stageOf } from './served.ts'

/** The service leads to a port of its pods where no socket waits. */
export const check: Check = {
  number: 2,
  title: 'refused: targetPort is wrong, nobody listens there',
  codes: ['NobodyListens'],
  needs: 'machines',
  find: (view) => {
    const asked = [...fromRequest(view), ...nodeRefuses(view)]
    const said = new Set(asked.map(({ object }) => JSON.stringify(object)))
    const seen = servedPorts(view).flatMap((served) => fromMachines(view, served))
    return [...asked, ...seen.filter(({ object }) => !said.has(JSON.stringify(object)))]
  },
}

/** The packet reached its pod, and no socket there takes it. */
function fromRequest(view: View): Finding[] {
  const { cluster, request } = view
  if (!request) return []
  const { verdict, story, to } = request
  const last = story.flow.there.at(-1)
  if (verdict !== 'refused' || !last || last.place.kind !== 'pod') return []
  const { transport, destination } = ipOf(last)
  const facts = factsOf(story, last.place)
  if (!facts || (transport?.kind !== 'tcp' && transport?.kind !== 'udp')) return []
  const port = transport.destinationPort
  const waiting = facts.listeners.filter(({ protocol }) => protocol === transport.kind)
  if (waiting.some((one) => one.port === port && (isLoopback(one) || hears(one, destination)))) return []
  const at = to && serviceAt(cluster, to.address, to.port, transportOf(request.target.protocol))
  const pod = `pod ${last.place.name}`
  const service = at?.service
  const taken = at ? takenByOthers(view, at.service, at.port) : new Set<number>()
  const others = otherPorts(waiting).filter((one) => !taken.has(one))
  const [only] = others
  const [namespace = '', name = ''] = last.place.name.split('/')
  const index = service?.spec.ports?.findIndex((one) => one === at?.port) ?? -1
  const different = facts.listeners.filter(
    (one) => one.protocol === otherProtocol(transport.kind) && one.port === port && hears(one, destination),
  )
  const common = {
    number: 2,
    code: 'NobodyListens',
    level: 'error',
    object: service ? referTo(service) : { kind: 'Pod', namespace, name },
    sure: 'certain',
  } as const
  const meant = different.length > 0 ? otherProtocol(transport.kind)?.toUpperCase() : undefined
  if (meant !== undefined) {
    const swapped = at && protocolMeant(at.service, at.port)
    return [
      {
        ...common,
        ...(service && { field: `spec.ports[${index}].protocol` }),
        evidence: [{ kind: 'socket', text: `${pod}: ${different.map(socketText).join('; ')}` }],
        say: `nobody listens on port ${port} by ${transport.kind.toUpperCase()} in ${pod}: who waits there takes ${meant}`,
        fix: service && swapped ? `set protocol ${meant} in ${nameOf(service)}` : `ask by ${meant}`,
        ...(service && swapped && { patch: protocolPatch(service, index, swapped) }),
      },
    ]
  }
  return [
    {
      ...common,
      ...(service && { field: `spec.ports[${index}].targetPort` }),
      evidence: [{ kind: 'socket', text: `${pod}: ${waiting.map(socketText).join('; ') || 'no socket waits'}` }],
      say: `nobody listens on port ${port} in ${pod}; ${whatListens(waiting)}`,
      fix:
        only === undefined
          ? noOther(port, waiting, `kubectl -n ${namespace} logs ${name}`)
          : service
            ? `set targetPort ${others.join(' or ')} in ${nameOf(service)}, or let the program listen on ${port}`
            : `ask for port ${others.join(' or ')}`,
      ...(service && only !== undefined && others.length === 1 && { patch: targetPortPatch(service, index, only) }),
    },
  ]
}

/** A node answers for itself, and no program of its own waits there. */
function nodeRefuses({ cluster, request }: View): Finding[] {
  if (!request?.to || request.verdict !== 'refused') return []
  const { to } = request
  const owner = ownerOf(cluster, to.address)
  const node = owner.kind === 'node' ? owner.node : nodeAt(cluster, to.address)
  if (!node || (to.address === cluster.nodeDns?.address && to.port === 53)) return []
  // A node port leads on to a pod: then it is the pod that refused.
  if (request.story.flow.there.at(-1)?.place.kind === 'pod') return []
  return [
    {
      number: 2,
      code: 'NobodyListens',
      level: 'error',
      object: referTo(node),
      sure: 'certain',
      evidence: [{ kind: 'packet', text: `${node.metadata.name} refused port ${to.port}` }],
      say: `nobody listens on port ${to.port} of ${node.metadata.name} itself`,
      fix: 'programs run in pods, which have addresses of their own: kubectl get pods -A -o wide',
    },
  ]
}

/** Without a request: every endpoint of a port, and what its machine says of its sockets. */
function fromMachines(view: View, { service, port, at, protocol, endpoints }: Served): Finding[] {
  const { now } = view
  const told = endpoints.filter(({ ready }) => ready)
  const asked = told.flatMap((one) => {
    const stage = one.pod ? stageOf(one.pod, now) : 'not running'
    const sockets = stage === 'not running' ? undefined : socketsOf(one, protocol)
    return sockets && one.pod ? [{ ...one, pod: one.pod, sockets, early: stage === 'starting' }] : []
  })
  const deaf = asked.filter(({ sockets, address, port: number }) => {
    const here = sockets.filter((socket) => socket.port === number)
    return !here.some((socket) => isLoopback(socket) || hears(socket, address))
  })
  const [first] = deaf
  if (!first) return []
  const evidence = deaf.slice(0, 3).map(({ pod, sockets }) => ({
    kind: 'socket' as const,
    text: `pod ${pod.metadata.namespace}/${pod.metadata.name}: ${sockets.map(socketText).join('; ') || `no ${protocol} socket waits`}`,
  }))
  // Some serve: the service is right, and these pods are not like the others.
  if (deaf.length < told.length)
    return deaf.slice(0, 5).map(({ pod, port: number, sockets, early }) => ({
      number: 2,
      code: 'NobodyListens',
      level: 'error',
      object: referTo(pod),
      also: [referTo(service)],
      ...(early && { early }),
      sure: deaf.length < asked.length ? 'certain' : 'likely',
      evidence: evidence.slice(0, 1),
      say: `${nameOf(service)} sends to port ${number} of ${nameOf(pod)}, where nobody listens, while other pods of it serve; ${whatListens(sockets)}`,
      fix: `see why this one is not like the others: kubectl -n ${pod.metadata.namespace} logs ${pod.metadata.name}`,
    }))
  const taken = takenByOthers(view, service, port)
  const candidates = otherPorts(first.sockets).filter(
    (number) => !taken.has(number) && deaf.every(({ sockets }) => otherPorts(sockets).includes(number)),
  )
  const only = obvious(candidates, first.pod, protocol)
  const bySelector = Object.keys(service.spec.selector ?? {}).length > 0
  const where = deaf.length === 1 ? nameOf(first.pod) : `any of its ${plural(deaf.length, 'pod')}`
  const also = [...(bySelector ? [] : [referTo(service)]), ...deaf.map(({ pod }) => referTo(pod))]
  const common = {
    number: 2,
    code: 'NobodyListens',
    level: 'error',
    object: bySelector ? referTo(service) : referTo(first.slice),
    also,
    ...(deaf.some(({ early }) => early) && { early: true }),
    sure: 'certain',
  } as const
  const swapped = bySelector ? protocolMeant(service, port) : undefined
  const different = deaf.map((one) =>
    swapped === undefined
      ? []
      : (socketsOf(one, otherProtocol(protocol) ?? protocol) ?? []).filter(
          (socket) => socket.port === one.port && hears(socket, one.address),
        ),
  )
  if (swapped !== undefined && different.every((sockets) => sockets.length > 0))
    return [
      {
        ...common,
        field: `spec.ports[${at}].protocol`,
        evidence: different.slice(0, 3).map((sockets, index) => ({
          kind: 'socket' as const,
          text: `pod ${deaf[index]?.pod.metadata.namespace}/${deaf[index]?.pod.metadata.name}: ${sockets.map(socketText).join('; ')}`,
        })),
        say: `${nameOf(service)} sends ${protocol.toUpperCase()} to port ${first.port}, and nobody listens for that in ${where}: who waits there takes ${swapped}`,
        fix: `set protocol ${swapped} for port ${port.port}`,
        patch: protocolPatch(service, at, swapped),
      },
    ]
  const wanted = first.port === Number(port.targetPort ?? port.port) ? '' : ` (targetPort ${port.targetPort})`
  return [
    {
      ...common,
      field: bySelector ? `spec.ports[${at}].targetPort` : 'ports',
      evidence,
      say: `${nameOf(service)} sends to port ${first.port}${wanted}, and nobody listens there in ${where}; ${whatListens(first.sockets)}`,
      fix:
        candidates.length === 0
          ? noOther(
              first.port,
              first.sockets,
              `kubectl -n ${first.pod.metadata.namespace} logs ${first.pod.metadata.name}`,
            )
          : `set targetPort ${only ?? candidates.join(' or ')}, or let the program listen on ${first.port}`,
      ...(bySelector && only !== undefined && { patch: targetPortPatch(service, at, only) }),
    },
  ]
}

function whatListens(waiting: readonly Socket[]): string {
  const others = waiting.filter((one) => !isLoopback(one))
  return others.length === 0
    ? 'nothing listens there on any port'
    : `what listens there: ${others.map(socketText).join('; ')}`
}

/** No port is left that could be meant. */
function noOther(port: number, waiting: readonly Socket[], logs: string): string {
  return otherPorts(waiting).length === 0
    ? `is the program started? ${logs}`
    : `let the program listen on ${port}, or take this port out of the service: what listens is for its other ports`
}

/** The one that can be meant: the only one, or the only one that a container declares. */
function obvious(
  candidates: readonly number[],
  { spec }: { spec: { containers: readonly { ports?: readonly { containerPort: number; protocol?: string }[] }[] } },
  protocol: string,
): number | undefined {
  if (candidates.length === 1) return candidates[0]
  const declared = spec.containers
    .flatMap(({ ports = [] }) => ports)
    .filter((one) => (one.protocol ?? 'TCP').toLowerCase() === protocol)
    .map(({ containerPort }) => containerPort)
  const both = candidates.filter((number) => declared.includes(number))
  return both.length === 1 ? both[0] : undefined
}
