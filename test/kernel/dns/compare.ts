import { flags, type Message, rcodeName, type ResourceRecord, types } from '../../../src/dns/wire/message.ts'

/** What an answer says, apart from what may differ each time: the order of records, serial numbers, and how names in data are spelled. */
export interface Said {
  readonly rcode: string
  /** Of AA, TC, RA, RD, AD and CD, in this order. */
  readonly flags: string
  readonly question: string
  /** `OWNER TTL CLASS TYPE DATA`; `@` is an owner spelled as in the question. */
  readonly answers: readonly string[]
  readonly authorities: readonly string[]
  readonly additionals: readonly string[]
  /** The OPT record's version and flags; empty when there is none. */
  readonly opt: string
}

export function saidBy({ questions, ...message }: Message): Said {
  const asked = questions[0]?.name ?? ''
  const opt = message.additionals.find(isOpt)
  const code = message.rcode | (opt ? (opt.ttl >>> 24) << 4 : 0)
  return {
    rcode: rcodeName(code),
    flags: flagNames.filter((name) => message.flags & flags[name]).join(' '),
    question: questions.map(({ name, type, class: of }) => `${name} ${of} ${type}`).join(', '),
    answers: lines(message.answers, asked),
    authorities: lines(message.authorities),
    additionals: lines(message.additionals.filter((one) => !isOpt(one))),
    opt: opt ? `version ${(opt.ttl >> 16) & 0xff}, flags ${(opt.ttl & 0xffff).toString(16)}` : '',
  }
}

/** One line for each part that is not the same. */
export function describeDifference(expected: Said, got: Said): string[] {
  const parts = ['rcode', 'flags', 'question', 'answers', 'authorities', 'additionals', 'opt'] as const
  return parts.flatMap((part) => {
    const [one, two] = [expected[part], got[part]].map((said) => (typeof said === 'string' ? [said] : said))
    if (JSON.stringify(one) === JSON.stringify(two)) return []
    return `    ${part} (${one?.length} > ${two?.length}): ${only(one, two)}, but we said ${only(two, one)}`
  })
}

function only(these: readonly string[] = [], those: readonly string[] = []): string {
  return JSON.stringify(these.filter((line) => !those.includes(line)).slice(0, 3))
}

/** Flags of a {@link Said} with one more, or one less. */
export function withFlag(said: Said, name: (typeof flagNames)[number], on: boolean): Said {
  const now = new Set(said.flags.split(' '))
  if (on) now.add(name)
  else now.delete(name)
  return { ...said, flags: flagNames.filter((one) => now.has(one)).join(' ') }
}

const flagNames = ['AA', 'TC', 'RA', 'RD', 'AD', 'CD'] as const

function isOpt(record: ResourceRecord): boolean {
  return record.type === 'other' && record.code === types.OPT
}

function lines(records: readonly ResourceRecord[], asked?: string): string[] {
  return records.map((record) => line(record, asked)).sort()
}

function line({ name, class: of, ttl, type, ...data }: ResourceRecord, asked: string | undefined): string {
  const owner = name === asked ? '@' : name.toLowerCase()
  const rest = Object.entries(data).map(([key, value]) => (key === 'serial' ? '-' : String(value).toLowerCase()))
  return [owner, ttl, of, type, ...rest].join(' ')
}
