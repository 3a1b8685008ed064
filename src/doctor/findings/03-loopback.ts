import type { Service } from '../../api/objects/service.ts'
import { factsOf, ipOf } from '../../trace/tell/story.ts'
import type { Check, Finding, ObjectReference, View } from '../types.ts'
import { nameOf, referTo } from './finding.ts'
import { hears, isLoopback, type Socket, socketText } from './listeners.ts'
import { servedPorts, socketsOf } from './served.ts'

/** The program listens, and only the pod itself can reach it. */
export const check: Check = {
  number: 3,
  title: 'refused: the program listens on 127.0.0.1 only',
  codes: ['LoopbackOnly'],
  needs: 'machines',
  find: (view) => {
    const asked = fromRequest(view)
    const said = new Set(asked.map(({ object }) => JSON.stringify(object)))
    return [...asked, ...fromMachines(view).filter(({ object }) => !said.has(JSON.stringify(object)))]
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

/** Pods behind a service, ready or not (their probes cannot reach them either); a port that no service has may be meant so. */
function fromMachines(view: View): Finding[] {
  const found = new Map<string, Finding>()
  for (const { service, protocol, endpoints } of servedPorts(view))
    for (const endpoint of endpoints) {
      const { pod, address, port } = endpoint
      const here = (socketsOf(endpoint, protocol) ?? []).filter((one) => one.port === port)
      const one = here.find(isLoopback)
      if (!pod || !one || here.some((other) => hears(other, address))) continue
      const key = `${pod.metadata.namespace}/${pod.metadata.name} ${protocol} ${port}`
      if (!found.has(key)) found.set(key, finding(referTo(pod), one, service))
    }
  return [...found.values()]
}

function finding(object: ObjectReference, one: Socket, service?: Service): Finding {
  const any = one.address.includes(':') ? '::' : '0.0.0.0'
  return {
    number: 3,
    code: 'LoopbackOnly',
    level: 'error',
    object,
    ...(service && { also: [referTo(service)] }),
    sure: 'certain',
    evidence: [{ kind: 'socket', text: socketText(one) }],
    say: `${one.process ?? 'the program'} in pod ${object.namespace}/${object.name} listens on ${one.address}:${one.port} only: nobody outside the pod can reach that${service ? `; ${nameOf(service)} sends there` : ''}`,
    fix: `let it listen on ${any}`,
  }
}
