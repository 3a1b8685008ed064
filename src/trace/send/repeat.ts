import { randomInt } from 'node:crypto'
import { KubehopError } from '../../base/errors.ts'
import { serviceAt } from '../cluster/cluster.ts'
import { mostRepeats } from '../probe/spec.ts'
import { predict } from '../predict/predict.ts'
import { requestOf, type Sender, type Sent, watched, watchersOf } from './send.ts'
import { type Target, transportOf } from '../ask/target.ts'
import { Tally, type Volley } from '../tell/repeats.ts'
import type { Told } from '../tell/tell.ts'
import type { Repeats, Trace, Why } from '../types.ts'

/** A reason to stop before all are sent: who does not get answers would wait for hours. */
const mostMs = 30_000
/** Volleys in which every port had an owner already. */
const mostVain = 5

/**
 * Sends again what was sent once (`told`, `first`), until `count` requests are sent in all, and counts what becomes of them. `blind`: what
 * of them could not be seen. `stop` ends it after the volley that is on its way.
 */
export async function repeatRequest(
  sender: Sender,
  told: Told & Sent,
  first: Trace,
  question: string,
  count: number,
  stop?: AbortSignal,
): Promise<{ repeats: Repeats; blind: Why[] }> {
  const tally = new Tally(told, first)
  for await (const volley of sendVolleys(sender, told.target, told.to, question, count - 1, stop)) tally.add(volley)
  const repeats = { ...tally.repeats(count, sharesOf(told)), ...(stop?.aborted && { stopped: true as const }) }
  return { repeats, blind: tally.blind(first.why) }
}

/** A service draws each of its endpoints as often as any other, unless it remembers who asked. By address. */
function sharesOf({ cluster, ranges, source, target, to, port, observations }: Told & Sent): Map<string, number> {
  const transport = transportOf(target.protocol)
  if (serviceAt(cluster, to.address, to.port, transport)?.service.spec.sessionAffinity === 'ClientIP') return new Map()
  const states = observations.flatMap((one) => (one.kind === 'state' ? [one.state] : []))
  const { endpoints } = predict({ cluster, ranges, states, source, to, protocol: target.protocol, port })
  const shares = new Map<string, number>()
  for (const { address } of endpoints) {
    const own = address.slice(0, address.lastIndexOf(':'))
    shares.set(own, (shares.get(own) ?? 0) + 1 / endpoints.length)
  }
  return shares
}

/** In volleys, each watched by its range of ports alone. */
async function* sendVolleys(
  sender: Sender,
  target: Target,
  to: Sent['to'],
  question: string,
  count: number,
  stop: AbortSignal | undefined,
): AsyncGenerator<Volley, void, undefined> {
  const watchers = watchersOf(sender, target, to)
  const until = performance.now() + mostMs
  let [left, vain] = [count, 0]
  const ends = AbortSignal.any([sender.signal, ...(stop ? [stop] : [])])
  while (left > 0 && !ends.aborted && performance.now() < until) {
    const span = Math.min(left, mostRepeats)
    const port = randomInt(32_768, 60_999 - span)
    const request = requestOf(sender, target, to, port, question)
    const repeat = { kind: 'repeat', at: request.at, timeoutMs: request.timeoutMs, count: span, request } as const
    // Each of them may take the whole time, and four are begun every 100 ms at least.
    const seconds = sender.timeoutMs / 1000 + span / 20 + 10
    const { observations, result } = await watched(watchers({ port, span, seconds }), sender, repeat)
    // What was sent until then is the story.
    if (result.kind === 'unsent') return
    if (result.kind !== 'repeated') throw new Error('trace: many requests were asked for and one was sent')
    const sent = result.results.flatMap((one, at) => (one.kind === 'sent' ? [{ port: port + at, result: one }] : []))
    if (sent.length === 0 && ++vain === mostVain) {
      const say = `${sender.source.key} has no free ports to send from`
      throw new KubehopError('trace', 'send the requests', 'PortTaken', say)
    }
    left -= sent.length
    yield { observations, sent }
  }
}
