import { rcodes, types } from '../wire/message.ts'
import type { Asker } from '../handlers/handler.ts'

/** Counters under CoreDNS' names, so that its dashboards and alerts work; text as Prometheus reads it. */
export class Metrics {
  readonly #requests = new Map<number, number>()
  readonly #responses = new Map<number, number>()
  /** Not cumulated. */
  readonly #buckets: number[] = new Array<number>(bounds.length + 1).fill(0)
  #seconds = 0
  #dropped = 0

  /** One message: `query` as it came, `reply` as it goes, undefined when it gets none. */
  count({ transport, family }: Asker, query: Buffer, reply: Buffer | undefined, milliseconds: number): void {
    if (!reply) {
      this.#dropped++
      return
    }
    const request = (typeOf(query, reply) << 2) | (transport === 'tcp' ? 2 : 0) | (family === 6 ? 1 : 0)
    this.#requests.set(request, (this.#requests.get(request) ?? 0) + 1)
    const rcode = (reply[3] ?? 0) & 0xf
    this.#responses.set(rcode, (this.#responses.get(rcode) ?? 0) + 1)
    this.#seconds += milliseconds / 1000
    let bucket = 0
    while (bucket < bounds.length && milliseconds > (bounds[bucket] ?? 0) * 1000) bucket++
    this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1
  }

  /** `port`: the one served, as in CoreDNS' `server` label; `more`: further values by name. */
  text(port: number, more: Readonly<Record<string, number>>): string {
    const server = `server="dns://:${port}",view="",zone="."`
    const lines: string[] = []
    const put = (name: string, kind: string, help: string, samples: readonly string[]): void => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...samples)
    }
    const requests = [...this.#requests].map(([key, count]) => {
      const labels = `family="${key & 1 ? 2 : 1}",proto="${key & 2 ? 'tcp' : 'udp'}",${server}`
      return `coredns_dns_requests_total{${labels},type="${typeNames.get(key >> 2) ?? 'other'}"} ${count}`
    })
    put('coredns_dns_requests_total', 'counter', 'Queries answered.', requests)
    const responses = [...this.#responses].map(
      ([rcode, count]) => `coredns_dns_responses_total{${server},rcode="${rcodeNames.get(rcode) ?? rcode}"} ${count}`,
    )
    put('coredns_dns_responses_total', 'counter', 'Answers by response code.', responses)
    put('coredns_dns_request_duration_seconds', 'histogram', 'Time from query to answer.', this.#histogram(server))
    put('kubehop_dns_dropped_total', 'counter', 'Messages that got no answer.', [
      `kubehop_dns_dropped_total ${this.#dropped}`,
    ])
    for (const [name, value] of Object.entries(more))
      put(name, name.endsWith('_total') ? 'counter' : 'gauge', helps[name] ?? name, [`${name} ${value}`])
    return `${lines.join('\n')}\n`
  }

  #histogram(server: string): string[] {
    const name = 'coredns_dns_request_duration_seconds'
    let sum = 0
    const lines = [...bounds, Number.POSITIVE_INFINITY].map((bound, at) => {
      sum += this.#buckets[at] ?? 0
      return `${name}_bucket{${server},le="${bound === Number.POSITIVE_INFINITY ? '+Inf' : bound}"} ${sum}`
    })
    return [...lines, `${name}_sum{${server}} ${this.#seconds}`, `${name}_count{${server}} ${sum}`]
  }
}

/** Seconds: 0.25 ms to 8 s, as CoreDNS has them. */
const bounds = Array.from({ length: 16 }, (_, power) => 0.00025 * 2 ** power)

const typeNames = new Map<number, string>(Object.entries(types).map(([name, code]) => [code, name]))
const rcodeNames = new Map<number, string>(Object.entries(rcodes).map(([name, code]) => [code, name]))
const helps: Record<string, string> = {
  coredns_cache_hits_total: 'Answers of upstreams given from memory.',
  coredns_cache_misses_total: 'Questions that had to be asked upstream.',
  coredns_cache_entries: 'Answers of upstreams in memory.',
  kubehop_dns_forward_requests_total: 'Questions sent upstream.',
  kubehop_dns_forward_failures_total: 'Questions that an upstream did not answer.',
  process_resident_memory_bytes: 'Resident memory size in bytes.',
}

/** The question's type; 0 when the reply has no question, because the query had none that can be read. */
function typeOf(query: Buffer, reply: Buffer): number {
  if (reply.length <= 12) return 0
  let at = 12
  for (let length = query[at]; length !== undefined && length > 0; length = query[at]) at += 1 + length
  const type = ((query[at + 1] ?? 0) << 8) | (query[at + 2] ?? 0)
  return typeNames.has(type) ? type : 0
}
