import { factsOf, ipOf } from '../../trace/tell/story.ts'
import type { Check } from '../types.ts'
import { isLoopback } from './listeners.ts'

/** The program listens, and only the pod itself can reach it. */
export const check: Check = {
  number: 3,
  title: 'refused: the program listens on 127.0.0.1 only',
  codes: ['LoopbackOnly'],
  needs: 'request',
  find: ({ request }) => {
    const last = request?.story.flow.there.at(-1)
    if (request?.verdict !== 'refused' || !last || last.place.kind !== 'pod') return []
    const { transport } = ipOf(last)
    const facts = factsOf(request.story, last.place)
    if (!facts || (transport?.kind !== 'tcp' && transport?.kind !== 'udp')) return []
    const port = transport.destinationPort
    const one = facts.listeners.find(
      (listener) => listener.protocol === transport.kind && listener.port === port && isLoopback(listener),
    )
    if (!one) return []
    const [namespace = '', name = ''] = last.place.name.split('/')
    return [
      {
        number: 3,
        code: 'LoopbackOnly',
        level: 'error',
        object: { kind: 'Pod', namespace, name },
        sure: 'certain',
        evidence: [{ kind: 'socket', text: `${one.protocol} ${one.address}:${port} ${one.process ?? ''}`.trim() }],
        say: `${one.process ?? 'the program'} in pod ${last.place.name} listens on ${one.address}:${port} only: nobody outside the pod can reach that`,
        fix: 'let it listen on 0.0.0.0',
      },
    ]
  },
}
