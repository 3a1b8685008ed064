import { ownerOf } from '../cluster.ts'
import type { Listener } from '../observation.ts'
import { listenerText } from '../tell/atpod.ts'
import { factsOf, ipOf } from '../tell/story.ts'
import type { Why } from '../types.ts'
import type { Case } from './why.ts'

/** The packet reached its pod, and no socket there takes it. */
export function nobodyListens({ verdict, story, cluster, to }: Case): Why[] {
  const last = story.flow.there.at(-1)
  if (verdict !== 'refused' || !last || last.place.kind !== 'pod') return []
  const { transport } = ipOf(last)
  const facts = factsOf(story, last.place)
  if (!facts || (transport?.kind !== 'tcp' && transport?.kind !== 'udp')) return []
  const port = transport.destinationPort
  const pod = `pod ${last.place.name}`
  const waiting = facts.listeners.filter(({ protocol }) => protocol === transport.kind)
  const here = waiting.filter((one) => one.port === port)
  if (here.some(isLoopback)) {
    const one = here.find(isLoopback)
    return [
      {
        code: 'LoopbackOnly',
        level: 'error',
        say: `${one?.process ?? 'the program'} in ${pod} listens on ${one?.address}:${port} only: nobody outside the pod can reach that`,
        fix: 'let it listen on 0.0.0.0',
      },
    ]
  }
  if (here.length > 0) return []
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
  return [{ code: 'NobodyListens', level: 'error', say: `nobody listens on port ${port} in ${pod}; ${what}`, fix }]
}

function isLoopback({ address }: Listener): boolean {
  return address.startsWith('127.') || address === '::1'
}
