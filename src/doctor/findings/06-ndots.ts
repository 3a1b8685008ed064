import type { Check } from '../types.ts'

/** Questions that were asked only because the name has fewer dots than `ndots`. */
export const check: Check = {
  number: 6,
  title: 'slow names: each is tried with every search domain first (ndots)',
  codes: ['SearchedName'],
  needs: 'request',
  find: ({ request }) => {
    if (!request || request.verdict === 'name-not-found' || request.target.host.kind !== 'name') return []
    const wasted = request.dns.filter(({ rcode }) => rcode === 'NXDOMAIN').length
    if (wasted === 0) return []
    const [namespace = '', name = ''] = request.source.key.split('/')
    return [
      {
        number: 6,
        code: 'SearchedName',
        level: 'info',
        object: { kind: 'Pod', namespace, name },
        field: 'spec.dnsConfig.options',
        sure: 'certain',
        evidence: request.dns.map(({ question, rcode }) => ({ kind: 'packet', text: `${question} ${rcode}` })),
        say: `${wasted} of ${request.dns.length} questions were about names that do not exist, because "${request.target.host.name}" has fewer dots than ndots`,
        fix: `write it as ${request.dns.at(-1)?.question}. with a dot at the end`,
      },
    ]
  },
}
