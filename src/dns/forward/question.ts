import { randomInt } from 'node:crypto'
import { flags } from '../wire/message.ts'
import { optLength, writeOpt } from '../wire/opt.ts'
import { keyOf as questionKey } from '../wire/query.ts'

/** What is asked of an upstream. */
export interface Asked {
  /** In wire form, one character per byte, in lower case. */
  readonly name: string
  readonly type: number
  /** The DO and CD bits (RFC 4035 section 3.2): part of what is asked. */
  readonly dnssec: boolean
  readonly unchecked: boolean
  /** As `Query.key`, where it is at hand. */
  readonly key?: string
}

/**
 * Two questions with the same key have the same answer. A name ends with a byte 0 and a type is two, so what may
 * follow them is no part of them. Most questions have neither bit: theirs is `Query.key`, whose hash is made already.
 */
export function keyOf({ key, name, type, dnssec, unchecked }: Asked): string {
  const plain = key ?? questionKey(name, type)
  return dnssec || unchecked ? plain + (dnssec ? (unchecked ? 'b' : 'd') : 'c') : plain
}

/** The id is random, as the port is: an answer made by a third party has to guess both. */
export function questionFor({ name, type, dnssec, unchecked }: Asked, edns: boolean): Buffer {
  const out = Buffer.alloc(12 + name.length + 4 + (edns ? optLength : 0))
  out.writeUInt16BE(randomInt(0x10000), 0)
  out.writeUInt16BE(flags.RD | (unchecked ? flags.CD : 0), 2)
  out.writeUInt16BE(1, 4)
  const end = 12 + out.write(name, 12, 'latin1')
  out.writeUInt16BE(type, end)
  out.writeUInt16BE(1, end + 2)
  if (!edns) return out
  out.writeUInt16BE(1, 10)
  writeOpt(out, end + 4, 0, dnssec)
  return out
}
