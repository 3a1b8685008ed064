import type { Said } from '../handlers/handler.ts'
import { decodeMessage } from '../wire/codec.ts'
import { flags, type ResourceRecord, types } from '../wire/message.ts'
import { skipName } from '../wire/name.ts'
import type { Query } from '../wire/query.ts'
import type { Sections } from './answer.ts'
import { compose } from './compose.ts'
import { plainData } from './plain-data.ts'

export interface Spoken {
  readonly sections: Sections
  readonly rcode: number
  readonly truncated: boolean
}

/** What was said to `query` as records, which can stand in the answer to another question. undefined: it is malformed. */
export function sectionsOf(query: Query, said: Said): Spoken | undefined {
  const bytes = 'reply' in said ? said.reply.bytes : compose(query, said.answer, 0, 0xffff)
  const message = decodeMessage(bytes)
  if (!message) return undefined
  const { rcode, truncated = false } = 'reply' in said ? said.reply : { ...said.answer, ...said }
  const places = dataPlaces(bytes, query.end)
  const movable = (records: readonly ResourceRecord[]): ResourceRecord[] =>
    records.flatMap((record): ResourceRecord[] => {
      const { start, end } = places.next().value ?? { start: 0, end: 0 }
      if (record.type !== 'other') return [record]
      const data = record.code === types.OPT ? undefined : plainData(bytes, record.code, start, end)
      return data ? [{ ...record, data }] : []
    })
  const sections = {
    answers: movable(message.answers),
    authorities: movable(message.authorities),
    additionals: movable(message.additionals),
  }
  return { sections, rcode, truncated: truncated || (message.flags & flags.TC) !== 0 }
}

/** Where the data of each record of a well-formed message stands; `at`: behind the question. */
function* dataPlaces(bytes: Buffer, at: number): Generator<{ start: number; end: number }, undefined> {
  while (at < bytes.length) {
    const start = skipName(bytes, at) + 10
    const end = start + bytes.readUInt16BE(start - 2)
    yield { start, end }
    at = end
  }
  return undefined
}
