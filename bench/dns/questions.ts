import { queryOf } from '../../src/dns/testing/ask.ts'
import { randomOf } from '../harness/random.ts'
import { addressesOf, hostnameOf, type Member, zone } from './cluster.ts'

interface Question {
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'SRV' | 'PTR'
  /** With an OPT record, as Go's resolver and systemd-resolved ask; glibc and musl do not. */
  readonly edns: boolean
}

export const kinds = ['mix', 'services', 'misses', 'headless'] as const
export type Kind = (typeof kinds)[number]

/** Questions as messages: of the mix enough to meet every service. */
export function messagesOf(kind: Kind, all: readonly Member[]): Buffer[] {
  return questionsOf(kind, all, kind === 'mix' ? 40_000 : 10_000).map(messageOf)
}

/** In random order, the same for every contestant and in every run. */
function questionsOf(kind: Kind, all: readonly Member[], count: number): Question[] {
  const random = randomOf(1)
  const any = (from: readonly Member[]): Member => from[random(from.length)] as Member
  const headless = all.filter((one) => one.headless)
  const questions: Question[] = []
  while (questions.length < count)
    switch (kind) {
      case 'mix':
        questions.push(...lookup(random, any(all), any(all), any(headless)))
        break
      case 'services':
        questions.push({ name: any(all).fullName, type: 'A', edns: false })
        break
      case 'misses':
        questions.push({ name: `${outside(random)}.${any(all).namespace}.svc.${zone}`, type: 'A', edns: false })
        break
      case 'headless':
        questions.push({ name: any(headless).fullName, type: 'A', edns: false })
        break
    }
  return questions
}

function messageOf({ name, type, edns }: Question, at: number): Buffer {
  return queryOf(name, type, { id: at & 0xffff, ...(edns && { opt: { size: 1232 } }) })
}

/**
 * What one look-up of a program in a pod asks: the pod's resolv.conf says ndots:5 and has the search list of its namespace, and a resolver asks for A and
 * AAAA of each name on it until one is there. Shares of look-ups, percent.
 */
function lookup(random: (below: number) => number, own: Member, other: Member, headless: Member): Question[] {
  const edns = random(100) < 30
  const search = [`${own.namespace}.svc.${zone}`, `svc.${zone}`, zone]
  const pair = (name: string): Question[] => [
    { name, type: 'A', edns },
    { name, type: 'AAAA', edns },
  ]
  const kind = random(100)
  // http://web/
  if (kind < 35) return pair(own.fullName)
  // http://web.shop/
  if (kind < 55) return search.slice(0, 2).flatMap((suffix) => pair(`${other.name}.${other.namespace}.${suffix}`))
  // http://web.shop.svc.cluster.local/, four dots
  if (kind < 65) return [...search.map((suffix) => `${other.fullName}.${suffix}`), other.fullName].flatMap(pair)
  // https://api.example.com/; the name itself would go to an upstream.
  if (kind < 85) {
    const host = outside(random)
    return search.flatMap((suffix) => pair(`${host}.${suffix}`))
  }
  if (kind < 90) return pair(`${hostnameOf(random(3))}.${headless.fullName}`)
  if (kind < 95) return [{ name: `_http._tcp.${random(2) ? own.fullName : headless.fullName}`, type: 'SRV', edns }]
  const addresses = addressesOf(random(2) ? own : headless)
  return [{ name: reverseOf(addresses[random(addresses.length)] ?? ''), type: 'PTR', edns }]
}

function outside(random: (below: number) => number): string {
  return `api-${random(200)}.example.com`
}

export function reverseOf(address: string): string {
  return `${address.split('.').reverse().join('.')}.in-addr.arpa`
}
