import { unanswered } from '../../trace/types.ts'
import type { Check, Finding, View } from '../types.ts'
import { senderOf } from './finding.ts'

/** Nothing was sent because no name server answers; what the trace shows then is the way of the question. */
export const check: Check = {
  number: 26,
  title: 'no name is found: the name server does not answer',
  codes: ['NoNameServer', 'NodeDnsHangs', 'NodeDnsAway'],
  needs: 'request',
  find: (view) => [...noNameServer(view), ...nodeDnsAway(view)],
}

function noNameServer({ cluster, request }: View): Finding[] {
  const [first] = request?.dns ?? []
  if (!request || !first || !request.dns.every(unanswered)) return []
  const { nodeDns } = cluster
  const common = {
    number: 26,
    level: 'error',
    sure: 'certain',
    evidence: [
      ...new Set(request.dns.map(({ question, server, rcode }) => `${question}, asked of ${server}: ${rcode}`)),
    ].map((text) => ({ kind: 'packet' as const, text })),
  } as const
  if (first.server === nodeDns?.address && first.rcode === 'TIMEOUT')
    return [
      {
        ...common,
        code: 'NodeDnsHangs',
        object: { kind: 'Node', name: nodeDns.node },
        say: `the name server of ${nodeDns.node} itself takes questions and does not answer; programs wait for it, and ask the next one after that`,
        fix: `end its process, kubehop dns ${nodeDns.node}: another one is started`,
      },
    ]
  const known = request.to !== undefined && first.server === request.to.address
  return [
    {
      ...common,
      code: 'NoNameServer',
      object: senderOf(request),
      say: `${first.server} did not answer a question about "${first.question}", so nothing could be sent; this is the way of the question`,
      fix: known
        ? 'repair the way to the name server first'
        : `look at the /etc/resolv.conf of ${request.source.kind === 'pod' ? `pod ${request.source.key}` : request.source.node}`,
    },
  ]
}

/** The node's own name server is asked, and the node says that nobody is there. */
function nodeDnsAway({ cluster: { nodeDns }, request }: View): Finding[] {
  if (request?.verdict !== 'refused' || !nodeDns) return []
  if (request.to?.address !== nodeDns.address || request.to.port !== 53) return []
  return [
    {
      number: 26,
      code: 'NodeDnsAway',
      level: 'error',
      object: { kind: 'Node', name: nodeDns.node },
      sure: 'certain',
      evidence: [{ kind: 'packet', text: `${nodeDns.address}:53 refused` }],
      say: `the name server of ${nodeDns.node} itself does not run: pods there ask the next one in their resolv.conf`,
      fix: 'it is started again by itself; where it ends each time, the log says why',
    },
  ]
}
