import { randomInt } from 'node:crypto'
import type { Address } from '../../base/address.ts'
import { decodeMessage, encodeMessage } from '../../dns/wire/codec.ts'
import { explainingOpt, explanationIn } from '../../dns/wire/explain.ts'
import { flags, type Message, rcodeName, types } from '../../dns/wire/message.ts'
import type { Netns } from '../../kernel/netns.ts'
import { type DnsStep, unanswered } from '../types.ts'
import { sendDatagram } from './datagram.ts'
import { candidates, inHosts, parseResolvConf } from './resolvconf.ts'

export interface Resolution {
  readonly steps: readonly DnsStep[]
  /** The name that had an answer. */
  readonly name?: string
  readonly addresses: readonly Address[]
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

/** Looks a name up as a program in the pod would, question by question, over UDP from the pod's namespace. */
export async function resolveName(name: string, asker: Asker): Promise<Resolution> {
  const local = inHosts(asker.hosts, name)
  if (local !== undefined) {
    const step: DnsStep = { question: name, type: 'A', server: '/etc/hosts', rcode: 'NOERROR', answers: [local], ms: 0 }
    return { steps: [step], name, addresses: [local] }
  }
  const conf = parseResolvConf(asker.resolvConf)
  const until = performance.now() + asker.timeoutMs
  const steps: DnsStep[] = []
  const questions = candidates(name, conf)
  let silent = false
  for (const [at, question] of questions.entries()) {
    // Where no server answers, the C library skips the other search domains and tries the name as it is.
    if (silent && at < questions.length - 1) continue
    for (const server of rounds(conf.servers, conf.attempts)) {
      const left = until - performance.now()
      if (left < 1 || asker.signal?.aborted) return { steps, addresses: [] }
      const { step, addresses } = await ask(question, server, Math.min(left, conf.timeout * 1000), asker)
      steps.push(step)
      if (addresses.length > 0) return { steps, name: question, addresses }
      silent = unanswered(step)
      // An answer, even an empty one, is the server's word; silence or a failure sends the C library to the next server.
      if (step.rcode === 'NXDOMAIN' || step.rcode === 'NOERROR') break
    }
  }
  return { steps, addresses: [] }
}

export function encodeQuestion(id: number, name: string, additionals: Message['additionals'] = []): Buffer {
  const questions = [{ name, type: types.A, class: 1 }]
  return encodeMessage({ id, flags: flags.RD, rcode: 0, questions, answers: [], authorities: [], additionals })
}

/** What an answer says: `100.64.12.7`, `alias -> target`. */
export function answersOf(message: Message): { texts: string[]; addresses: Address[] } {
  const addresses: Address[] = []
  const texts: string[] = []
  for (const record of message.answers) {
    if (record.type === 'CNAME') texts.push(`${record.name} -> ${record.target}`)
    if (record.type !== 'A') continue
    addresses.push(record.address)
    texts.push(record.address)
  }
  return { texts, addresses }
}

/** Asks who answers, too. A server older than EDNS finds that malformed (RFC 6891 section 7) and is asked again without. */
async function ask(
  question: string,
  server: Address,
  timeoutMs: number,
  asker: Asker,
): Promise<{ step: DnsStep; addresses: Address[] }> {
  const began = performance.now()
  const asked = await askOnce(question, server, timeoutMs, asker, [explainingOpt(udpSize)])
  if (asked.step.rcode !== 'FORMERR') return asked
  return askOnce(question, server, Math.max(1, timeoutMs - (performance.now() - began)), asker, [])
}

/** What arrives without fragments on any path. */
const udpSize = 1232

async function askOnce(
  question: string,
  server: Address,
  timeoutMs: number,
  { ns, address, port, signal }: Asker,
  additionals: Message['additionals'],
): Promise<{ step: DnsStep; addresses: Address[] }> {
  const id = randomInt(0x10000)
  const result = await sendDatagram({
    ns,
    from: { address, port },
    to: { address: server, port: 53 },
    payload: encodeQuestion(id, question, additionals),
    timeoutMs,
    ...(signal && { signal }),
    accepts: (bytes) => decodeMessage(bytes)?.id === id,
  })
  const message = result.outcome === 'answered' ? decodeMessage(result.message) : undefined
  const { texts, addresses } = message ? answersOf(message) : { texts: [], addresses: [] }
  const rcode = message ? rcodeName(message.rcode) : result.outcome === 'timeout' ? 'TIMEOUT' : 'UNREACHABLE'
  const answeredBy = message && explanationOf(message)
  const step: DnsStep = { question, type: 'A', server, rcode, answers: texts, ms: round(result.ms) }
  return { step: answeredBy === undefined ? step : { ...step, answeredBy }, addresses }
}

function explanationOf({ additionals }: Message): string | undefined {
  for (const record of additionals)
    if (record.type === 'other' && record.code === types.OPT) return explanationIn(record.data)
  return undefined
}

function* rounds(servers: readonly Address[], attempts: number): Generator<Address> {
  for (let attempt = 0; attempt < attempts; attempt++) yield* servers
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100
}
