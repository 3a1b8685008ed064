import { setMaxListeners } from 'node:events'
import type { Answer, RepeatSpec, Request } from './spec.ts'

/** At once; more would wait for each other on this machine, and be told as slower than they are. */
const atOnce = 4
/** Who has waited so long for an answer, in ms, is not in anybody's way. */
const patience = 100

/**
 * Sends the same request from several ports, some at once; the answers in the order of the ports, as far as it could be sent: a sender may
 * end in the middle. One that cannot send at all is an error.
 */
export async function sendRepeated(
  { request, count, sizes, dontFragment = false }: RepeatSpec,
  send: (request: Request) => Promise<Answer>,
  signal: AbortSignal,
): Promise<Answer[]> {
  // Each request that waits listens to it: many are no leak.
  setMaxListeners(0, signal)
  const answers: Promise<Answer>[] = []
  const lanes = new Set<Promise<void>>()
  const over = new AbortController()
  for (let at = 0; at < count && !signal.aborted && !over.signal.aborted; at++) {
    if (lanes.size >= atOnce) await Promise.race(lanes)
    const from = { ...request.from, port: request.from.port + at }
    const size = sizes?.[at]
    const answer = send({ ...request, from, ...(size !== undefined && { size, dontFragment }) })
    answers.push(answer)
    answer.catch(() => over.abort())
    const lane = answeredOrSlow(answer).finally(() => lanes.delete(lane))
    lanes.add(lane)
  }
  const settled = await Promise.allSettled(answers)
  const [first] = settled
  if (first?.status === 'rejected') throw first.reason
  const end = settled.findIndex(({ status }) => status === 'rejected')
  return settled.slice(0, end < 0 ? undefined : end).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
}

function answeredOrSlow(answer: Promise<Answer>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patience)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    // What went wrong is told to who waits for all of them.
    answer.then(done, done)
  })
}
