import { askerAt, type Asker } from '../handlers/handler.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import { flags, type Message, rcodeName, type ResourceRecord, typeName, types } from '../wire/message.ts'

/** What a client asks for besides name and type. */
export interface Asking {
  id?: number
  flags?: number
  class?: number
  opt?: { size: number; version?: number; dnssec?: boolean }
}

/** Types by name, or numbers. */
export function queryOf(name: string, type: keyof typeof types | number, asking: Asking = {}): Buffer {
  const { opt } = asking
  const ttl = ((opt?.version ?? 0) << 16) | (opt?.dnssec === true ? 0x8000 : 0)
  const additionals: ResourceRecord[] = opt
    ? [{ name: '', class: opt.size, ttl, type: 'other', code: types.OPT, data: new Uint8Array() }]
    : []
  return encodeMessage({
    id: asking.id ?? 0x1234,
    flags: asking.flags ?? flags.RD,
    rcode: 0,
    questions: [{ name, type: typeof type === 'number' ? type : types[type], class: asking.class ?? 1 }],
    answers: [],
    authorities: [],
    additionals,
  })
}

export function read(reply: Buffer): Message {
  const message = decodeMessage(reply)
  if (!message) throw new Error(`the reply is malformed: ${reply.toString('hex')}`)
  return message
}

/** As a person would note it: `NOERROR 0/100/80/web.shop +10.0.0.1`, each section sorted, authorities as `~SOA=cluster.local`. */
export function summary(message: Message): string {
  const code = rcodeName(message.rcode)
  const part = (records: ResourceRecord[], mark: string): string =>
    records
      .filter((record) => record.type !== 'other' || record.code !== types.OPT)
      .map(wordsOf)
      .sort()
      .map((words) => ` ${mark}${words}`)
      .join('')
  const { answers, authorities, additionals } = message
  return `${code}${message.flags & flags.TC ? ' TC' : ''}${part(answers, '')}${part(authorities, '~')}${part(additionals, '+')}`
}

function wordsOf(record: ResourceRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
      return record.address
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return `${record.type}=${record.target}`
    case 'SRV':
      return `${record.priority}/${record.weight}/${record.port}/${record.target}`
    case 'SOA':
      return `SOA=${record.name}`
    case 'TXT':
    case 'HINFO':
      return `"${record.strings.join(' ')}"`
    default:
      return typeName(record.code)
  }
}

/** A client on this machine. */
export const overUdp: Asker = askerAt('udp', '127.0.0.1')
export const overTcp: Asker = askerAt('tcp', '127.0.0.1')
