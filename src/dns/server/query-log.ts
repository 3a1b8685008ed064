import type { Log } from '../../base/log.ts'
import type { DnsConfig } from '../config/config.ts'
import type { Asker, HandlerName, Said } from '../handlers/handler.ts'
import { decodeMessage } from '../wire/codec.ts'
import { rcodeName, type ResourceRecord, rcodes, typeName } from '../wire/message.ts'
import { readName } from '../wire/name.ts'
import type { Query } from '../wire/query.ts'

export interface Answered {
  readonly query: Query
  readonly asker: Asker
  readonly by: HandlerName | undefined
  readonly said: Said
  readonly reply: Buffer
  readonly milliseconds: number
}

/** Of an answer's records: so many are written out. */
const mostTold = 4

/**
 * One line for each question, that a person can read:
 *
 *     10.0.0.7 udp A web.shop.svc.cluster.local -> NOERROR 100.64.3.4 by cluster (service shop/web) 0.02 ms
 *
 * and the same as fields for programs. `errors`: only what was answered with neither "here it is" nor "there is none".
 */
export class QueryLog {
  mode: DnsConfig['queryLog']
  readonly #log: Log

  constructor(mode: DnsConfig['queryLog'], log: Log) {
    this.mode = mode
    this.#log = log
  }

  write({ query, asker, by, said, reply, milliseconds }: Answered): void {
    const rcode = 'reply' in said ? said.reply.rcode : said.answer.rcode
    if (this.mode === 'errors' && (rcode === rcodes.NOERROR || rcode === rcodes.NXDOMAIN)) return
    const fields = {
      client: asker.address(),
      proto: asker.transport,
      type: typeName(query.type),
      name: readName(query.bytes, 12)?.text || '.',
      rcode: rcodeName(rcode),
      answers: decodeMessage(reply)?.answers.map(textOf) ?? [],
      by: by ?? 'nobody',
      from: said.from,
      ms: Math.round(milliseconds * 1000) / 1000,
    }
    this.#log.info(fields, lineOf(fields))
  }
}

interface Fields {
  readonly client: string
  readonly proto: string
  readonly type: string
  readonly name: string
  readonly rcode: string
  readonly answers: readonly string[]
  readonly by: string
  readonly from: string
  readonly ms: number
}

function lineOf({ client, proto, type, name, rcode, answers, by, from, ms }: Fields): string {
  const told = answers.slice(0, mostTold).join(', ')
  const more = answers.length > mostTold ? ` and ${answers.length - mostTold} more` : ''
  const source = from === by ? '' : ` (${from})`
  return `${client} ${proto} ${type} ${name} -> ${rcode}${told && ` ${told}`}${more} by ${by}${source} ${ms.toFixed(2)} ms`
}

function textOf(record: ResourceRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.address
    case 'CNAME':
      return `alias ${record.target}`
    case 'NS':
    case 'PTR':
      return record.target
    case 'SRV':
      return `${record.target}:${record.port}`
    case 'SOA':
      return `${record.mname} serial ${record.serial}`
    case 'TXT':
    case 'HINFO':
      return JSON.stringify(record.strings.join(' '))
    case 'other':
      return typeName(record.code)
  }
}
