import type { Answer } from './answer.ts'

/** No records, only a code: nothing that we speak for. */
export function plainAnswer(rcode: number): Answer {
  const known = made.get(rcode)
  if (known) return known
  const answer = { rcode, tail, ends: [], answers: 0, authorities: 0, additionals: 0, runs: [] }
  made.set(rcode, answer)
  return answer
}

const tail = Buffer.alloc(0)
const made = new Map<number, Answer>()
