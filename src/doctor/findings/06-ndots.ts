import type { Pod } from '../../api/objects/pod.ts'
import type { Check, Finding, Patch, View } from '../types.ts'
import { senderOf } from './finding.ts'
import { deploymentOf } from './owner.ts'

/** Questions that were asked only because the name has fewer dots than `ndots`. */
export const check: Check = {
  number: 6,
  title: 'slow names: each is tried with every search domain first (ndots)',
  codes: ['SearchedName'],
  needs: 'request',
  find: (view): Finding[] => {
    const { request } = view
    if (!request || request.verdict === 'name-not-found' || request.target.host.kind !== 'name') return []
    const { dns, source } = request
    const { name } = request.target.host
    const wasted = dns.filter(({ rcode }) => rcode === 'NXDOMAIN').length
    const found = dns.find(({ answers }) => answers.length > 0)?.question.replace(/\.$/, '')
    if (wasted === 0 || found === undefined) return []
    const asItIs = found.toLowerCase() === name.toLowerCase()
    const dots = name.split('.').length - 1
    // Only what is found as it stands gains by a smaller ndots; `web.shop` needs its search domain.
    const patch = asItIs && dots > 1 && source.pod ? fewerDots(view, source.pod, dots) : undefined
    return [
      {
        number: 6,
        code: 'SearchedName',
        level: 'info',
        object: senderOf(request),
        field: 'spec.dnsConfig.options',
        sure: 'certain',
        evidence: dns.map(({ question, rcode, ms }) => ({
          kind: 'packet',
          text: `${question} ${rcode} ${ms.toFixed(1)} ms`,
        })),
        say: `${wasted} of ${dns.length} questions were about names that do not exist, because "${name}" has fewer dots than ndots`,
        fix: `write it as ${found}. with a dot at the end${patch ? `, or set ndots to ${Math.min(dots, 2)} in the pod’s dnsConfig` : ''}`,
        ...(patch && { patch }),
      },
    ]
  },
}

/** Of the pod's Deployment: a pod's own dnsConfig is for life. Lists of options are replaced as a whole, so the others come along. */
function fewerDots(view: View, pod: Pod, dots: number): Patch | undefined {
  const deployment = deploymentOf(view, pod)
  if (!deployment) return undefined
  const { namespace, name } = deployment.metadata
  const others = (deployment.spec.template.spec.dnsConfig?.options ?? []).filter((one) => one.name !== 'ndots')
  const options = [...others, { name: 'ndots', value: String(Math.min(dots, 2)) }]
  return {
    kind: 'Deployment',
    ...(namespace !== undefined && { namespace }),
    name,
    type: 'strategic',
    body: { spec: { template: { spec: { dnsConfig: { options } } } } },
  }
}
