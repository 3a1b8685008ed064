import { types } from '../../../src/dns/wire/message.ts'
import type { Asked } from './ask.ts'
import { type Besides, below } from './besides.ts'
import { type Said, withFlag } from './compare.ts'

/** Where we mean to answer otherwise than CoreDNS. docs/dns.md has the reasons, under the same titles. */
export interface Difference {
  readonly title: string
  /** What we say where CoreDNS says `theirs`; undefined where this difference is not at work. */
  ours(question: Asked, theirs: Said, besides: Besides): Said | undefined
}

/** Later ones see what earlier ones made of an answer. */
export const differences: readonly Difference[] = [
  {
    title: 'RA says what the server can do',
    ours: (_, theirs) => (theirs.flags.includes('RA') ? undefined : withFlag(theirs, 'RA', true)),
  },
  {
    title: 'DO is echoed with BADVERS',
    ours: ({ opt }, theirs) =>
      theirs.rcode === 'BADVERS' && opt?.dnssec ? { ...theirs, opt: 'version 0, flags 8000' } : undefined,
  },
  {
    title: 'Classes other than IN are refused',
    ours: (question, theirs) =>
      question.class === 1 || theirs.rcode === 'BADVERS'
        ? undefined
        : { ...withFlag(theirs, 'AA', false), ...nothing, rcode: 'REFUSED' },
  },
  {
    title: 'The name server of every zone is ns.dns, in whatever case it is asked for',
    ours: ({ name, type }, theirs) =>
      type === types.NS && known(theirs) && exists(theirs) && apexes.includes(name.toLowerCase())
        ? { ...theirs, ...nothing, answers: [`@ 30 1 NS ${server}`], additionals: [`${server} 30 1 A 10.0.0.100`] }
        : undefined,
  },
  {
    title: 'We speak for addresses that we know, not for in-addr.arpa',
    ours: ({ name }, theirs) =>
      known(theirs) &&
      (/^(in-addr|ip6)\.arpa$/i.test(name) ||
        theirs.authorities.some((line) => /^(in-addr|ip6)\.arpa \d+ 1 SOA/.test(line)))
        ? { ...withFlag(theirs, 'AA', false), ...nothing, rcode: 'NXDOMAIN', authorities: [upstreamSoa] }
        : undefined,
  },
  {
    title: 'The SOA of a reverse zone names a server that exists',
    ours(_, theirs) {
      const renamed = (line: string): string =>
        line.replace(/^(\S+\.arpa|@) 30 1 SOA ns\.dns\.\S+\.arpa .*/, (_, of: string) => soa(of))
      const [answers, authorities] = [theirs.answers.map(renamed), theirs.authorities.map(renamed)]
      return `${answers} ${authorities}` === `${theirs.answers} ${theirs.authorities}`
        ? undefined
        : { ...theirs, answers, authorities }
    },
  },
  {
    title: 'A missing name is missing for SOA, too',
    ours: ({ name, type }, theirs, besides) =>
      type === types.SOA &&
      known(theirs) &&
      exists(theirs) &&
      theirs.answers.length === 0 &&
      !exists(besides(name, 'A'))
        ? { ...theirs, rcode: 'NXDOMAIN' }
        : undefined,
  },
  {
    title: 'An address with a name has it for every type, and in every range',
    ours({ name, type }, theirs, besides) {
      const pointers = besides(name, 'PTR')
      if (!/\.arpa$/i.test(name) || pointers.answers.length === 0 || !known(pointers) || !answered(theirs))
        return undefined
      const now = { ...withFlag(theirs, 'AA', true), ...nothing, rcode: 'NOERROR' }
      if (type === types.PTR) return known(theirs) ? undefined : { ...now, answers: pointers.answers }
      return { ...now, authorities: known(theirs) ? theirs.authorities : [soa(name.toLowerCase())] }
    },
  },
  {
    title: 'A name that exists does so for every type, and so does a name above it',
    ours: ({ name }, theirs, besides) =>
      theirs.rcode === 'NXDOMAIN' &&
      known(theirs) &&
      (exists(besides(name, 'A')) ||
        below(name).some((below) => exists(besides(below, 'SRV'))) ||
        /^((ns\.)?dns\.|dns-version\.)?cluster\.local$/i.test(name) ||
        /^((\d+\.){1,3}in-addr|([0-9a-f]\.){1,31}ip6)\.arpa$/i.test(name))
        ? { ...theirs, rcode: 'NOERROR' }
        : undefined,
  },
  {
    title: 'An alias is one for every type, and its code is that of the name that it leads to',
    ours: ({ name, type }, theirs, besides) =>
      aliasOf(name, besides) === undefined || !answered(theirs) || type === types.CNAME || type === types.ANY
        ? undefined
        : { ...theirs, ...follow(name, type, besides) },
  },
  {
    title: 'The version lives as long as everything else',
    ours(_, theirs) {
      const answers = theirs.answers.map((line) => line.replace('@ 28800 1 TXT', '@ 30 1 TXT'))
      return answers.join() === theirs.answers.join() ? undefined : { ...theirs, answers }
    },
  },
  {
    title: 'The name server has an address',
    ours: ({ name, type }, theirs) =>
      /^ns\.dns\.cluster\.local$/i.test(name) && type === types.A && answered(theirs) && theirs.answers.length === 0
        ? { ...theirs, ...nothing, answers: ['@ 30 1 A 10.0.0.100'] }
        : undefined,
  },
  {
    title: "The cluster's names come before listed ones",
    ours({ name, type }, theirs, besides) {
      const pointers = besides(name, 'PTR')
      if (type !== types.PTR || !theirs.answers.some((line) => line.includes(' 60 1 PTR ')) || !known(pointers))
        return undefined
      return { ...theirs, answers: pointers.answers }
    },
  },
  {
    title: 'A listed name is spelled as in the question',
    ours({ name }, theirs) {
      if (!known(theirs)) return undefined
      const own = `${name.toLowerCase()} `
      const answers = theirs.answers.map((line) => (line.startsWith(own) ? `@ ${line.slice(own.length)}` : line))
      return answers.join() === theirs.answers.join() ? undefined : { ...theirs, answers }
    },
  },
  {
    title: 'A listed name exists for PTR, too',
    ours: ({ name, type }, theirs, besides) =>
      listed.test(name) && type === types.PTR && theirs.rcode === 'NXDOMAIN' && exists(besides(name, 'A'))
        ? { ...withFlag(theirs, 'AA', true), ...nothing, rcode: 'NOERROR' }
        : undefined,
  },
  {
    title: 'ANY has the answer of RFC 8482',
    ours({ name, type }, theirs, besides) {
      // What is listed is not of the cluster's zones, and has no SOA.
      if (type !== types.ANY || !known(theirs) || !exists(theirs) || theirs.authorities.length === 0) return undefined
      const alias = aliasOf(name, besides)
      const answer = alias === undefined ? '@ 3600 1 HINFO rfc8482,' : `@ 30 1 CNAME ${alias}`
      return { ...theirs, ...nothing, answers: [answer] }
    },
  },
  {
    title: 'A pod record has no SRV',
    ours: (question, theirs) =>
      question.type === types.SRV && /\.pod\.cluster\.local$/i.test(question.name) && theirs.answers.length > 0
        ? { ...theirs, ...nothing, authorities: [soa(zone)] }
        : undefined,
  },
  {
    title: 'The name of a port has no addresses',
    ours: ({ name, type }, theirs) =>
      (type === types.A || type === types.AAAA) &&
      known(theirs) &&
      theirs.answers.length > 0 &&
      /^_[^.]+\._[^.]+\.[^.]+\.[^.]+\.svc\.cluster\.local$/i.test(name)
        ? { ...theirs, ...nothing, authorities: [soa(zone)] }
        : undefined,
  },
  {
    title: "Nothing stands before a pod's address",
    ours: ({ name }, theirs) =>
      known(theirs) && exists(theirs) && /\.[^.]+\.[^.]+\.pod\.cluster\.local$/i.test(name)
        ? missing(theirs)
        : undefined,
  },
  {
    title: 'Ports and protocols begin with an underscore',
    ours: ({ name }, theirs) =>
      known(theirs) && exists(theirs) && /^([^.]+\.){4}svc\.cluster\.local$/i.test(name) && !/^_[^.]+\._/.test(name)
        ? missing(theirs)
        : undefined,
  },
]

const zone = 'cluster.local'
/** In the plugin hosts. */
const listed = /^(registry|(registry|six|clash)\.corp\.test)$/i
/** A chain of aliases of this length is a circle. */
const longest = 8
const server = `ns.dns.${zone}`
const apexes = [zone, '0.10.in-addr.arpa', '0.172.in-addr.arpa', 'd.c.b.a.8.7.6.5.ip6.arpa']
const nothing = { answers: [], authorities: [], additionals: [] }
const soa = (of: string): string => `${of} 30 1 SOA ${server} hostmaster.${zone} - 7200 1800 86400 30`

const upstreamSoa = 'interwebs.test 60 1 SOA ns.interwebs.test root.interwebs.test - 7200 1800 86400 60'

/** Neither the version nor the class of the question was refused. */
function answered({ rcode }: Said): boolean {
  return rcode === 'NOERROR' || rcode === 'NXDOMAIN'
}
/** The answer comes from the cluster's own zones. */
function known({ flags }: Said): boolean {
  return flags.includes('AA')
}

function exists({ rcode }: Said): boolean {
  return rcode === 'NOERROR'
}

/** The answer to a question for an alias, from alias to alias. */
function follow(name: string, type: number, besides: Besides): Pick<Said, keyof typeof nothing | 'rcode'> {
  const chain: string[] = []
  for (let from = name; chain.length < longest; ) {
    const to = aliasOf(from, besides)
    if (to === undefined) {
      const { answers, authorities, additionals, ...last } = besides(from, type)
      // By then CoreDNS has had its own way with SOA.
      const { rcode } = type === types.SOA && known(besides(from, type)) ? besides(from, 'A') : last
      const all = [...chain, ...answers.map((line) => line.replace('@', from))].sort()
      return { rcode, answers: all, authorities, additionals }
    }
    chain.push(`${from === name ? '@' : from} 30 1 CNAME ${to}`)
    from = to
  }
  return { ...nothing, rcode: 'SERVFAIL' }
}

/** What an ExternalName service of the cluster leads to. */
function aliasOf(name: string, besides: Besides): string | undefined {
  const said = besides(name, 'CNAME')
  return known(said) ? / CNAME (\S+)$/.exec(said.answers[0] ?? '')?.[1] : undefined
}

function missing(theirs: Said): Said {
  return { ...theirs, ...nothing, rcode: 'NXDOMAIN', authorities: [soa(zone)] }
}
