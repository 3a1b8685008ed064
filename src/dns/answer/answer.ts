import { family } from '../../base/address.ts'
import { type ResourceRecord, rcodes } from '../wire/message.ts'
import { writeRecord } from '../wire/records.ts'
import { Writer } from '../wire/writer.ts'

/** A ready answer without what belongs to one query: header, question and OPT. */
export interface Answer {
  rcode: number
  /** The records, their pointers counting from the start of a message whose question is this answer's. */
  tail: Buffer
  /** Where each record ends in `tail`: an answer that is too long is cut there. */
  ends: readonly number[]
  answers: number
  authorities: number
  additionals: number
  /** Runs of records of one size that may stand in any order, so that clients that take the first one spread. */
  runs: readonly Run[]
}

interface Run {
  start: number
  size: number
  count: number
}

export interface Sections {
  answers: readonly ResourceRecord[]
  authorities?: readonly ResourceRecord[]
  additionals?: readonly ResourceRecord[]
}

/**
 * `name`: the question's, in wire form. Records point to it from byte `from` on: an answer that also serves other questions
 * may share only the part that they have in common.
 */
export function makeAnswer(
  name: Uint8Array,
  sections: Sections,
  rcode: number = rcodes.NOERROR,
  from: number = 0,
): Answer {
  const { answers, authorities = [], additionals = [] } = sections
  const out = new Writer(12 + name.length + 4, 128).known(name.subarray(from), 12 + from)
  const ends: number[] = []
  for (const record of [...answers, ...authorities, ...additionals]) {
    writeRecord(out, record)
    ends.push(out.length)
  }
  return {
    rcode,
    tail: out.done(),
    ends,
    answers: answers.length,
    authorities: authorities.length,
    additionals: additionals.length,
    runs: runsOf(answers, ends),
  }
}

/** Neighbours with the same owner and family, whose bytes have one length because all but the first point to the same name. */
function runsOf(answers: readonly ResourceRecord[], ends: readonly number[]): Run[] {
  const runs: Run[] = []
  const keyOf = (record: ResourceRecord | undefined): string | undefined =>
    record && 'address' in record ? `${family(record.address)} ${record.name}` : undefined
  let last: string | undefined
  for (const [at, record] of answers.entries()) {
    const start = at === 0 ? 0 : (ends[at - 1] ?? 0)
    const size = (ends[at] ?? 0) - start
    const run = runs.at(-1)
    const key = keyOf(record)
    if (key !== undefined && key === last && run?.size === size) run.count++
    else if (key !== undefined) runs.push({ start, size, count: 1 })
    last = key
  }
  return runs.filter(({ count }) => count > 1)
}
