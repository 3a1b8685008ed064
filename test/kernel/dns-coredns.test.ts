import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { coreDns } from '../../bench/harness/peers.ts'
import { address } from '../../src/base/address.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import type { Asked } from './dns/ask.ts'
import { askBesides, type Besides } from './dns/besides.ts'
import { askBoth, type Both, cutRightly } from './dns/both.ts'
import { describeDifference, saidBy } from './dns/compare.ts'
import { ownAddress } from './dns/coredns.ts'
import { differences } from './dns/differences.ts'
import { startPairs } from './dns/pair.ts'
import { someObjects } from './dns/random-objects.ts'
import { questionsAbout } from './dns/random-questions.ts'
import { leaveForOwnNetwork } from './pod-world.ts'

// The same questions to CoreDNS and to us, with the same objects behind both: we answer what it answers, but where we mean to differ.

/** Longer on demand: KUBEHOP_RANDOM_SECONDS=500. KUBEHOP_RANDOM_SEED repeats a run. */
const seconds = Number(process.env['KUBEHOP_RANDOM_SECONDS'] ?? 5)
const firstSeed = Number(process.env['KUBEHOP_RANDOM_SEED'] ?? Date.now() % 1e9)
const perRound = 1500
/** Rounds in which every known difference shows. */
const fewest = 6

const peer = coreDns(false)
const skip = 'missing' in peer ? peer.missing : false

test('whatever CoreDNS is asked, we answer as it does', { skip, timeout: (seconds + 100) * 1000 }, async (t) => {
  leaveForOwnNetwork()
  using routes = openRouteSocket()
  routes.apply(addAddress({ index: 1, address: address(ownAddress), prefix: 32 }))
  await using servers = await startPairs('program' in peer ? peer.program : '')
  const seen = new Map(differences.map(({ title }) => [title, 0]))
  let asked = 0
  const until = performance.now() + seconds * 1000
  for (let seed = firstSeed; seed < firstSeed + fewest || performance.now() < until; seed++) {
    const [objects = assert.fail()] = fc.sample(someObjects, { numRuns: 1, seed })
    await servers.replace(objects)
    const questions = fc.sample(questionsAbout(objects.services), { numRuns: perRound, seed })
    const usual = servers.pairs.get('usual') ?? assert.fail()
    for (const [name, pair] of servers.pairs) {
      const besides = await askBesides(pair.theirs, usual.theirs, questions)
      const both = await askBoth(pair, questions)
      const wrong = questions.flatMap((question, at) => compare(question, both[at] ?? assert.fail(), besides))
      const many = `${name}, KUBEHOP_RANDOM_SEED=${seed}: ${wrong.length} answers differ`
      assert.equal(wrong.length, 0, [many, ...wrong.slice(0, 20)].join('\n'))
      asked += questions.length
    }
  }
  t.diagnostic(`${asked} questions, ${[...seen.values()].reduce((sum, times) => sum + times, 0)} known differences`)
  for (const [title, times] of seen) assert.ok(times > 0, `"${title}": CoreDNS does as we do by now`)

  function compare(question: Asked, { theirs, ours, overUdp }: Both, besides: Besides): string[] {
    let expected = saidBy(theirs)
    for (const difference of differences) {
      const other = difference.ours(question, expected, besides)
      if (other) seen.set(difference.title, (seen.get(difference.title) ?? 0) + 1)
      expected = other ?? expected
    }
    const wrong = describeDifference(expected, saidBy(ours))
    if (overUdp && !cutRightly(overUdp, ours)) wrong.push('    it is cut at the wrong place')
    if (wrong.length === 0) return []
    const { name, type, class: of, transport, flags, opt } = question
    return [
      [
        `  ${name} class ${of} type ${type} ${transport} flags ${flags.toString(16)} ${JSON.stringify(opt)}`,
        ...wrong,
      ].join('\n'),
    ]
  }
})

test('every difference that we mean stands in docs/dns.md with its reason', () => {
  const page = readFileSync('docs/dns.md', 'utf8')
  for (const { title } of differences) assert.ok(page.includes(`\n| ${title} | `), `docs/dns.md has no row "${title}"`)
})
