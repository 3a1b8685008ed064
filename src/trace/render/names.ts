import { type DnsStep, lookUpMs, type Trace } from '../types.ts'
import { type Paint, sayMs, type TextOptions } from './paint.ts'
import { wrapped } from './wrap.ts'

const indent = 9

/**
 * What the name led to, then, where more than one question was needed, each of them:
 *
 *     name     api.example.com = 203.0.113.7    4 questions to 100.64.0.10 (kube-system/dns-1, node2), 2.1 ms
 *              1  api.example.com.shop.svc.cluster.local  A  NXDOMAIN
 */
export function renderNames(trace: Trace, { width, verbose }: TextOptions, paint: Paint): string[] {
  const { dns } = trace
  if (dns.length === 0) return []
  // Both kinds of address of one name are what every look-up asks for.
  const plain = new Set(dns.map(({ question }) => question)).size === 1 && dns.some(({ answers }) => answers.length > 0)
  const questions =
    dns.length === 1 || plain
      ? []
      : columns(dns.map((step, at) => questionOf(step, at, dns, trace.observed))).map(
          (text) => ' '.repeat(indent) + text,
        )
  return [
    ...wrapped(`name     ${leadsTo(trace)}`, indent, width),
    ...[...questions, ...(verbose ? unforetold(trace) : [])]
      .flatMap((text) => wrapped(text, indent + 3, width))
      .map((text) => paint('dim', text)),
  ]
}

/** What of it nobody could know beforehand. */
function unforetold({ predictedDns = [] }: Trace): string[] {
  const say = new Set(predictedDns.flatMap((one) => one.say ?? []))
  return [...say].map((text) => `${' '.repeat(indent)}not foretold: ${text}`)
}

/** `web = web.shop.svc.cluster.local = 100.64.12.7    1 question to 100.64.0.10, 0.3 ms, answered by cluster: service shop/web` */
function leadsTo({ dns, to, observed }: Trace): string {
  const last = dns.at(-1)
  const name = nameIn(to) || last?.question || to
  const found = dns.find(({ answers }) => answers.length > 0)
  const total = observed === false ? '' : `, ${sayMs(lookUpMs(dns))}`
  const questions = `${dns.length} question${dns.length === 1 ? '' : 's'} to ${servers(dns)}${total}`
  if (!found)
    return `${name}: ${dns.length === 1 ? `${last?.question} ${last?.rcode}` : 'no answer has an address'}    ${questions}`
  const addresses = found.answers.filter((answer) => !answer.includes('->')).join(', ')
  // Other names alone lead nowhere.
  const end = addresses || `${found.answers.at(-1)?.split(' -> ')[1]}, which has no address`
  const chain = [...new Set([name, found.question, end])]
  const source = found.answeredBy === undefined ? '' : `, answered by ${found.answeredBy}`
  return `${chain.join(' = ')}    ${found.server === '/etc/hosts' ? 'from the pod’s hosts file' : questions + source}`
}

/** `web` of `http://web/path`, `web:80` and `shop/svc/web:http`. */
function nameIn(to: string): string | undefined {
  const [, scheme = '', rest = ''] = /^(?:([a-z]+):\/\/)?(.*)$/.exec(to) ?? []
  const [host] = scheme.startsWith('http') ? rest.split(/[/?#]/) : rest.split('/').slice(-1)
  return host?.replace(/:[^:]*$/, '')
}

/** Number, question, type, what was said, how long it took; the server only where not all were asked of one. */
function questionOf(step: DnsStep, at: number, all: readonly DnsStep[], observed?: false): string[] {
  const { question, type, rcode, answers, server, ms } = step
  const said = answers.length > 0 ? answers.join(', ') : rcode === 'NOERROR' ? 'no record of this type' : rcode
  const where = all.every((one) => one.server === server) ? [] : [server]
  return [String(at + 1), question, type, ...where, said, ...(observed === false ? [] : [sayMs(ms)])]
}

function servers(dns: readonly DnsStep[]): string {
  return [...new Set(dns.map(({ server, by }) => (by === undefined ? server : `${server} (${by})`)))].join(', ')
}

/** Cells under each other, two spaces apart. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((all, row) => {
    for (const [at, cell] of row.entries()) all[at] = Math.max(all[at] ?? 0, cell.length)
    return all
  }, [])
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}
