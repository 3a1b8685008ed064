import type { Address } from '../../base/address.ts'
import { explainingOpt, explanationIn } from '../../dns/wire/explain.ts'
import { flags, type Message, rcodeName, types } from '../../dns/wire/message.ts'
import type { Netns } from '../../kernel/netns.ts'
import { type DnsStep, unanswered } from '../types.ts'
import { type Heard, type Line, overTcp, overUdp, question as questionFor } from './questions.ts'
import { candidates, inHosts, parseResolvConf } from './resolvconf.ts'

export interface Resolution {
  readonly steps: readonly DnsStep[]
  /** The name that had an answer. */
  readonly name?: string
  readonly addresses: readonly Address[]
  /** The time for all questions was over before the last of them was asked. */
  readonly outOfTime?: true
}

export interface Asker {
  ns: Netns | undefined
  /** The pod's own address: what its questions come from. */
  address: Address
  port: number
  resolvConf: string
  hosts: string
  /** For all questions together. */
  timeoutMs: number
  signal?: AbortSignal
}

/**
 * Looks a name up as a program there would (getaddrinfo of glibc and musl, for any kind of address): the hosts file, then for each name of
 * the search list both kinds of address at once, over UDP, and again over TCP when an answer did not fit.
 */
export async function resolveName(name: string, asker: Asker): Promise<Resolution> {
  const local = inHosts(asker.hosts, name)
  if (local !== undefined) {
    const step: DnsStep = { question: name, type: 'A', server: '/etc/hosts', rcode: 'NOERROR', answers: [local], ms: 0 }
    return { steps: [step], name, addresses: [local] }
  }
  const conf = parseResolvConf(asker.resolvConf)
  const kinds = conf.noAaaa ? (['A'] as const) : (['A', 'AAAA'] as const)
  const until = performance.now() + asker.timeoutMs
  const steps: DnsStep[] = []
  const questions = candidates(name, conf)
  let silent = false
  for (const [at, question] of questions.entries()) {
    // Where no server answers, the C library skips the other search domains and tries the name as it is.
    if (silent && at < questions.length - 1) continue
    for (const server of rounds(conf.servers, conf.attempts)) {
      const left = until - performance.now()
      if (asker.signal?.aborted) return { steps, addresses: [] }
      if (left < 1) return { steps, addresses: [], outOfTime: true }
      const asked = await ask(question, kinds, server, Math.min(left, conf.timeout * 1000), asker)
      steps.push(...asked.steps)
      if (asked.found) return { steps, name: question, addresses: asked.addresses }
      silent = asked.steps.every(unanswered)
      // An answer, even an empty one, is the server's word; silence or a failure sends the C library to the next server.
      if (asked.steps.every(({ rcode }) => rcode === 'NXDOMAIN' || rcode === 'NOERROR')) break
    }
  }
  return { steps, addresses: [] }
}

/** What an answer says: `100.64.12.7`, `alias -> target`. Of addresses only the kind that was asked for. */
export function answersOf(message: Message, asked: DnsStep['type'] = 'A'): { texts: string[]; addresses: Address[] } {
  const addresses: Address[] = []
  const texts: string[] = []
  for (const record of message.answers) {
    if (record.type === 'CNAME') texts.push(`${record.name} -> ${record.target}`)
    if (record.type !== asked || (record.type !== 'A' && record.type !== 'AAAA')) continue
    addresses.push(record.address)
    texts.push(record.address)
  }
  return { texts, addresses }
}

interface Asked {
  readonly steps: readonly DnsStep[]
  /** Of IPv4, which a trace follows. */
  readonly addresses: readonly Address[]
  /** Any kind of address. */
  readonly found: boolean
}

/** Asks who answers, too. A server older than EDNS finds that malformed (RFC 6891 section 7) and is asked again without. */
async function ask(
  name: string,
  kinds: readonly DnsStep['type'][],
  server: Address,
  timeoutMs: number,
  asker: Asker,
): Promise<Asked> {
  const began = performance.now()
  const { ns, address, port, signal } = asker
  const line = (): Line => ({
    ns,
    from: { address, port },
    to: { address: server, port: 53 },
    timeoutMs: Math.max(1, timeoutMs - (performance.now() - began)),
    ...(signal && { signal }),
  })
  const stepsOf = (heard: readonly Heard[], types: readonly DnsStep['type'][]): DnsStep[] =>
    heard.map((one, at) => stepOf(name, types[at] ?? 'A', server, one))
  const full = kinds.map((kind) => questionFor(name, kind, [explainingOpt(udpSize)]))
  let heard = await overUdp(full, line())
  if (heard.some(({ message }) => message && rcodeName(message.rcode) === 'FORMERR'))
    heard = await overUdp(
      kinds.map((kind) => questionFor(name, kind)),
      line(),
    )
  const steps = stepsOf(heard, kinds)
  const cut = kinds.filter((_, at) => isCut(heard[at]?.message))
  if (cut.length > 0) {
    const again = await overTcp(
      cut.map((kind) => questionFor(name, kind, [explainingOpt(udpSize)])),
      line(),
    )
    steps.push(...stepsOf(again, cut).map((step): DnsStep => ({ ...step, over: 'tcp' })))
    // The connection may fail: then the part that did fit is all there is, as for the C library.
    for (const [at, kind] of cut.entries()) if (again[at]?.message) heard[kinds.indexOf(kind)] = again[at]
  }
  const found = heard.map(({ message }, at) => (message ? answersOf(message, kinds[at]).addresses : []))
  return { steps, addresses: found[kinds.indexOf('A')] ?? [], found: found.some((addresses) => addresses.length > 0) }
}

/** What arrives without fragments on any path. */
const udpSize = 1232

function isCut(message: Message | undefined): boolean {
  return message !== undefined && (message.flags & flags.TC) !== 0
}

function stepOf(question: string, type: DnsStep['type'], server: Address, { message, outcome, ms }: Heard): DnsStep {
  const rcode = message ? rcodeName(message.rcode) : outcome === 'timeout' ? 'TIMEOUT' : 'UNREACHABLE'
  const answeredBy = message && explanationOf(message)
  return {
    question,
    type,
    server,
    rcode,
    answers: message ? answersOf(message, type).texts : [],
    ...(isCut(message) && { truncated: true }),
    ...(answeredBy !== undefined && { answeredBy }),
    ms: Math.round(ms * 100) / 100,
  }
}

function explanationOf({ additionals }: Message): string | undefined {
  for (const record of additionals)
    if (record.type === 'other' && record.code === types.OPT) return explanationIn(record.data)
  return undefined
}

function* rounds(servers: readonly Address[], attempts: number): Generator<Address> {
  for (let attempt = 0; attempt < attempts; attempt++) yield* servers
}
