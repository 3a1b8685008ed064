import type { Address } from '../../base/address.ts'

/** Resource record types by number (IANA "Domain Name System Parameters"): those that the server knows by name. */
export const types = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  HINFO: 13,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  OPT: 41,
  IXFR: 251,
  AXFR: 252,
  ANY: 255,
} as const

export const rcodes = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const

/** As people write it: `AAAA`; one without a name here is `TYPE65` (RFC 3597 section 5). */
export function typeName(type: number): string {
  return typeNames.get(type) ?? `TYPE${type}`
}

/** `NXDOMAIN`; one without a name here is `RCODE9`. */
export function rcodeName(rcode: number): string {
  return rcodeNames.get(rcode) ?? `RCODE${rcode}`
}

const typeNames = byNumber(types)
const rcodeNames = byNumber(rcodes)

function byNumber(numbers: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(numbers).map(([name, number]) => [number, name]))
}

/** The header's second word. */
export const flags = { QR: 0x8000, AA: 0x0400, TC: 0x0200, RD: 0x0100, RA: 0x0080, AD: 0x0020, CD: 0x0010 } as const

/** In the same word. */
export const opcode = 0x7800
/** What of a question's word goes back unchanged: the opcode, the wish for recursion, and CD (RFC 4035 section 3.1.6). */
export const echoed: number = opcode | flags.RD | flags.CD

export interface Question {
  name: string
  type: number
  /** 1 is IN. */
  class: number
}

/** What a record says, by type; everything else is `other` with its bytes. */
export type Data =
  | { type: 'A' | 'AAAA'; address: Address }
  | { type: 'CNAME' | 'NS' | 'PTR'; target: string }
  | {
      type: 'SOA'
      mname: string
      rname: string
      serial: number
      refresh: number
      retry: number
      expire: number
      minimum: number
    }
  | { type: 'SRV'; priority: number; weight: number; port: number; target: string }
  /** Character strings, each up to 255 bytes of latin1. */
  | { type: 'TXT' | 'HINFO'; strings: string[] }
  | { type: 'other'; code: number; data: Uint8Array }

export type ResourceRecord = { name: string; class: number; ttl: number } & Data

export interface Message {
  id: number
  /** The header's second word without the rcode: {@link flags} and the opcode. */
  flags: number
  rcode: number
  questions: Question[]
  answers: ResourceRecord[]
  authorities: ResourceRecord[]
  additionals: ResourceRecord[]
}
