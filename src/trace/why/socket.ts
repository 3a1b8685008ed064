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

/** Taken by the pod's kernel, and then nothing: the program itself is at fault, or needs no answer. */
export function programSilent({ verdict, story, result, target }: Case): Why[] {
  const last = story.flow.there.at(-1)
  if (result?.kind !== 'sent' || !last || last.place.kind !== 'pod') return []
  const pod = `pod ${last.place.name}`
  if (verdict === 'delivered' && result.outcome === 'timeout')
    return [
      {
        code: 'NoDatagramBack',
        level: 'info',
        say: `a socket in ${pod} has the datagram; no answer came, and UDP asks for none`,
        fix: 'if the program should have answered: kubectl logs',
      },
    ]
  if (result.outcome !== 'connected') return []
  const what =
    target.protocol === 'tcp' ? 'it ended the connection' : `no ${target.protocol.toUpperCase()} answer came over it`
  const detail = result.status === undefined ? `within ${Math.round(result.ms / 100) / 10} s` : `(${result.status})`
  return [
    {
      code: 'ProgramSilent',
      level: 'error',
      say: `the kernel of ${pod} took the connection, and ${what} ${detail}`,
      fix: 'the network did its part; look at the program: kubectl logs',
    },
  ]
}
