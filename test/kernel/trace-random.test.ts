import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Trace } from '../../src/trace/types.ts'
import { Random } from './trace-random-dice.ts'
import { requestIn } from './trace-random-requests.ts'
import { RandomWorld } from './trace-random-world.ts'

// Whatever the cluster, its services and its faults: what objects and kernels foretell of a request is what is seen of it. Faults are
// in the kernels, and kernels are asked before anything is sent, so faults are foretold as well.

/** Longer on demand: KUBEHOP_RANDOM_SECONDS=600. */
const seconds = Number(process.env['KUBEHOP_RANDOM_SECONDS'] ?? 15)
const given = process.env['KUBEHOP_RANDOM_SEED']
const requestsInWorld = 60
const atOnce = 6
const patienceMs = 400

test('what is foretold of random requests in random clusters is what is seen', {
  timeout: (seconds + 120) * 1000,
}, async (t) => {
  const told: Record<string, number> = {}
  const wrong: string[] = []
  let seed = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given)
  for (const until = performance.now() + seconds * 1000; performance.now() < until; seed++) {
    const random = new Random(seed)
    await using world = new RandomWorld(random)
    const requests = Array.from({ length: requestsInWorld }, () => requestIn(world, random))
    const next = requests[Symbol.iterator]()
    await Promise.all(
      Array.from({ length: atOnce }, async () => {
        for (const { from, to } of next) {
          let trace = await world.trace(from, to, { timeoutMs: patienceMs })
          // Others use this machine, too: a slow answer is none to who does not wait, and what is sent again may draw again.
          const late =
            trace.verdict === 'no-answer' ||
            trace.verdict === 'dropped' ||
            trace.hops.some(({ say }) => / times\)/.test(say))
          if (!trace.agrees && late) trace = await world.trace(from, to, { timeoutMs: 10 * patienceMs })
          told[trace.verdict] = (told[trace.verdict] ?? 0) + 1
          const differs = disagreement(trace)
          if (differs !== undefined)
            wrong.push(
              `KUBEHOP_RANDOM_SEED=${seed}: ${from} -> ${to} (${world.broken.map(({ name }) => name).join('; ') || 'nothing broken'}): ${trace.verdict}, ${differs}`,
            )
        }
      }),
    )
    if (given !== undefined || wrong.length > 20) break
  }
  t.diagnostic(JSON.stringify(told))
  assert.ok(wrong.length === 0, `${wrong.length} disagreements:\n${wrong.join('\n')}`)
  const total = Object.values(told).reduce((sum, count) => sum + count, 0)
  if (given === undefined && total > 200)
    for (const verdict of ['delivered', 'refused', 'rejected', 'dropped', 'unreachable', 'no-answer'])
      assert.ok((told[verdict] ?? 0) > 0, `nothing was ${verdict}`)
})

function disagreement(trace: Trace): string | undefined {
  const { agrees, why } = trace
  return agrees ? undefined : (why.find(({ code }) => code === 'Disagree')?.say ?? 'it does not agree')
}
