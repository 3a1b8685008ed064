import { tookDatagram } from '../../trace/tell/verdict.ts'
import type { Check } from '../types.ts'

/** Taken by the pod's kernel, and then nothing: the program itself is at fault, or needs no answer. */
export const check: Check = {
  number: 28,
  title: 'no answer: the network did its part, the program does not answer',
  codes: ['ProgramSilent', 'NoDatagramBack'],
  needs: 'request',
  find: ({ request }) => {
    if (!request) return []
    const { verdict, story, result, target } = request
    const last = story.flow.there.at(-1)
    if (result?.kind !== 'sent' || !last || last.place.kind !== 'pod') return []
    const pod = `pod ${last.place.name}`
    const [namespace = '', name = ''] = last.place.name.split('/')
    const common = { number: 28, object: { kind: 'Pod', namespace, name }, sure: 'certain' } as const
    const evidence = [{ kind: 'packet' as const, text: `${last.device} of ${pod}: ${result.outcome}` }]
    if (verdict === 'delivered' && result.outcome === 'timeout')
      return [
        {
          ...common,
          evidence,
          code: 'NoDatagramBack',
          level: 'info',
          say: `a socket in ${pod} has the datagram; no answer came, and UDP asks for none`,
          fix: 'if the program should have answered: kubectl logs',
        },
      ]
    if (target.protocol === 'dns' && result.outcome === 'timeout' && tookDatagram(story, last))
      return [
        {
          ...common,
          evidence,
          code: 'ProgramSilent',
          level: 'error',
          say: `a socket in ${pod} has the question, and no answer to it came within ${Math.round(result.ms / 100) / 10} s`,
          fix: 'the network did its part; look at the name server: kubectl logs',
        },
      ]
    if (result.outcome !== 'connected') return []
    const what =
      target.protocol === 'tcp' ? 'it ended the connection' : `no ${target.protocol.toUpperCase()} answer came over it`
    const detail = result.status === undefined ? `within ${Math.round(result.ms / 100) / 10} s` : `(${result.status})`
    return [
      {
        ...common,
        evidence,
        code: 'ProgramSilent',
        level: 'error',
        say: `the kernel of ${pod} took the connection, and ${what} ${detail}`,
        fix: result.status?.includes('is not HTTP')
          ? `the network did its part; ask it in its own protocol: tcp://${authorityOf(target.text)} sends nothing but the connection`
          : 'the network did its part; look at the program: kubectl logs',
      },
    ]
  },
}

/** `store:6379` of `http://store:6379/path`. */
function authorityOf(text: string): string {
  return text.replace(/^[a-z]+:\/\//i, '').replace(/[/?#].*$/s, '')
}
