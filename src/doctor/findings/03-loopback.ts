import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { factsOf, ipOf } from '../../trace/tell/story.ts'
import type { Check, Finding, ObjectReference, View } from '../types.ts'
import { keyOf } from '../echoes.ts'
import { nameOf, plural, referTo } from './finding.ts'
import { hears, isLoopback, type Socket, socketText } from './listeners.ts'
import { makerOf } from './owner.ts'
import { servedPorts, socketsOf } from './served.ts'

/** The program listens, and only the pod itself can reach it. */
export const check: Check = {
  number: 3,
  title: 'refused: the program listens on 127.0.0.1 only',
  codes: ['LoopbackOnly'],
  needs: 'machines',
  find: (view) => {
    const asked = fromRequest(view)
    const said = new Set(asked.map(({ object }) => keyOf(object)))
    const isSaid = ({ object, also = [] }: Finding): boolean => [object, ...also].some((one) => said.has(keyOf(one)))
    return [...asked, ...fromMachines(view).filter((one) => !isSaid(one))]
  },
}

function fromRequest({ request }: View): Finding[] {
  const last = request?.story.flow.there.at(-1)
  if (request?.verdict !== 'refused' || !last || last.place.kind !== 'pod') return []
  const { transport, destination } = ipOf(last)
  const facts = factsOf(request.story, last.place)
  if (!facts || (transport?.kind !== 'tcp' && transport?.kind !== 'udp')) return []
  const port = transport.destinationPort
  const here = facts.listeners.filter((one) => one.protocol === transport.kind && one.port === port)
  const one = here.find(isLoopback)
  if (!one || here.some((other) => hears(other, destination))) return []
  const [namespace = '', name = ''] = last.place.name.split('/')
  return [finding({ kind: 'Pod', namespace, name }, one)]
}

interface Heard {
  readonly pod: Pod
  readonly one: Socket
  readonly service: Service
}

/**
 * Pods behind a service, ready or not (their probes cannot reach them either); a port that no service has may be meant so. Pods that one
 * workload made are one finding.
 */
function fromMachines(view: View): Finding[] {
  const found = new Map<string, Heard[]>()
  for (const { service, protocol, endpoints } of servedPorts(view))
    for (const endpoint of endpoints) {
      const { pod, address, port } = endpoint
      const here = (socketsOf(endpoint, protocol) ?? []).filter((one) => one.port === port)
      const one = here.find(isLoopback)
      if (!pod || !one || here.some((other) => hears(other, address))) continue
      const key = `${keyOf(referTo(makerOf(view, pod)))} ${protocol} ${port} ${one.address}`
      const group = found.get(key)
      if (!group) found.set(key, [{ pod, one, service }])
      else if (!group.some((other) => other.pod === pod)) group.push({ pod, one, service })
    }
  return [...found.values()].map(([first, ...others]) => {
    const { pod, one, service } = first as Heard
    return finding(referTo(pod), one, { service, others: others.map((other) => referTo(other.pod)) })
  })
}

function finding(
  object: ObjectReference,
  one: Socket,
  seen?: { readonly service: Service; readonly others: readonly ObjectReference[] },
): Finding {
  const any = one.address.includes(':') ? '::' : '0.0.0.0'
  const others = seen?.others ?? []
  const more = others.length === 0 ? '' : `, and in ${plural(others.length, 'other pod')} like it,`
  return {
    number: 3,
    code: 'LoopbackOnly',
    level: 'error',
    object,
    ...(seen && { also: [referTo(seen.service), ...others] }),
    sure: 'certain',
    evidence: [{ kind: 'socket', text: socketText(one) }],
    say: `${one.process ?? 'the program'} in pod ${object.namespace}/${object.name}${more} listens on ${one.address}:${one.port} only: nobody outside the pod can reach that${seen ? `; ${nameOf(seen.service)} sends there` : ''}`,
    fix: `let it listen on ${any}`,
  }
}
