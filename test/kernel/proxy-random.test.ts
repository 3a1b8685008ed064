import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import fc from 'fast-check'
import { address } from '../../src/base/address.ts'
import { type Decision, decisions, type Question } from '../../src/proxy/decide.ts'
import { readFlow } from '../../src/proxy/layout/keys.ts'
import { type Proxy, startProxy } from '../../src/proxy/proxy.ts'
import { ClusterByHand } from '../rows/cluster-by-hand.ts'
import { farPod, friend, ownAddresses } from '../rows/places.ts'
import { aChange, aQuestion, type Change } from '../rows/random-cluster.ts'
import { node } from '../rows/services.ts'
import { type Fate, Probe } from './proxy-probe.ts'
import { log, turn, World } from './proxy-world.ts'

// Whatever services there are and however they came about: the kernel does with a packet what the rules that we hold say, and what a
// fresh start would make of the same objects.

/** Longer on demand: KUBEHOP_RANDOM_SECONDS=500. */
const seconds = Number(process.env['KUBEHOP_RANDOM_SECONDS'] ?? 12)
const stack = new AsyncDisposableStack()
let world: World
let probe: Probe

before(() => {
  world = stack.use(new World())
  probe = stack.use(new Probe(world))
})

after(() => stack.disposeAsync())

interface Batch {
  readonly changes: readonly Change[]
  /** A question as it is, or, mostly, for the so many-th address and port that some service has by then. */
  readonly questions: readonly (readonly [Question, number])[]
}

const batches: fc.Arbitrary<Batch[]> = fc.array(
  fc.record({
    changes: fc.array(aChange, { minLength: 1, maxLength: 12 }),
    questions: fc.array(fc.tuple(aQuestion, fc.nat()), { minLength: 15, maxLength: 25 }),
  }),
  { minLength: 1, maxLength: 8 },
)

test('random packets to random services fare as the rules say', { timeout: (seconds + 120) * 1000 }, async (t) => {
  const told = { endpoint: 0, reject: 0, drop: 0, none: 0, masquerade: 0, sticky: 0 }
  const property = fc.asyncProperty(batches, async (batches) => {
    for (const decision of await live(batches)) {
      told[decision.action.is]++
      if (decision.masquerade) told.masquerade++
      if (isSticky(decision)) told.sticky++
    }
  })
  for (const until = performance.now() + seconds * 1000; performance.now() < until; )
    await fc.assert(property, { numRuns: 5 })
  t.diagnostic(JSON.stringify(told))
  for (const [what, times] of Object.entries(told)) assert.ok(times > 0, `there was no ${what} among them`)
})

/** A new agent finds what the last one left in the kernel, and lives through all batches. */
async function live(batches: readonly Batch[]): Promise<Decision[]> {
  const { podCidr, serviceCidr } = node
  const cluster = new ClusterByHand([])
  const { client } = cluster
  const proxy = startProxy({ client, nodeName: node.name, podCidr, serviceCidr, ns: world.node, log })
  const all: Decision[] = []
  try {
    await proxy.synced
    for (const { changes, questions } of batches) {
      for (const change of changes)
        if ('put' in change) cluster.put(change.put)
        else cluster.remove(change.remove)
      await turn()
      const asked = questions.map(([question, at]) => aimed(proxy, question, at))
      const decided = await Promise.all(asked.map((question) => agree(proxy, question)))
      all.push(...decided)
      // One after the other: a client's last connection to a port of a service is what the kernel remembers of it.
      for (const [at, question] of asked.entries())
        if (isSticky(decided[at] ?? assert.fail())) {
          const { action } = await agree(proxy, question)
          assert.deepEqual((await agree(proxy, question)).action, action, JSON.stringify(question))
        }
    }
    return all
  } finally {
    proxy.close()
  }
}

function aimed(proxy: Proxy, question: Question, at: number): Question {
  const { sets } = proxy.ruleset()
  const flows = ['services', 'inside', 'no-endpoints', 'no-local-endpoints', 'restricted'].flatMap((name) => [
    ...(sets.get(name)?.elements.keys() ?? []),
  ])
  const flow = at % 6 === 0 ? undefined : flows[at % flows.length]
  if (flow === undefined) return question
  const { address: to, protocol, port } = readFlow(flow, 4)
  // Whoever is far has the load balancers' addresses itself.
  const from = question.from === farPod && !to.startsWith('100.64.') ? address(friend) : question.from
  return { ...question, from, to, protocol, port }
}

/** What the kernel did with the packet, as the rules have it. */
async function agree(proxy: Proxy, question: Question): Promise<Decision> {
  const all = decisions(proxy.ruleset(), question)
  const fate = await probe.fate(
    question,
    all.every(({ action }) => action.is === 'drop'),
  )
  const decision = all.find((each) => isDone(question, each, fate))
  assert.ok(
    decision,
    `${JSON.stringify(question)}: ${JSON.stringify(fate)} is none of ${JSON.stringify(all.map(short))}`,
  )
  return decision
}

function isSticky({ action, steps }: Decision): boolean {
  return action.is === 'endpoint' && steps.some(({ chain }) => chain.startsWith('stick-'))
}

function isDone(question: Question, { action, masquerade }: Decision, fate: Fate): boolean {
  switch (action.is) {
    case 'drop':
      return fate.is === 'nothing'
    case 'reject':
      return action.with === 'tcp reset' ? fate.is === 'reset' : fate.is === 'unreachable' && fate.code === 3
    case 'endpoint':
    case 'none': {
      if (fate.is !== 'arrival') return false
      const { from, to, port } = fate.flight
      const end = action.is === 'endpoint' ? { to: action.address, port: action.port } : question
      return to === end.to && port === end.port && (masquerade ? ownAddresses.has(from) : from === question.from)
    }
  }
}

function short({ action, masquerade }: Decision): string {
  const what = action.is === 'endpoint' ? `${action.address}:${action.port}` : action.is
  return masquerade ? `${what}, masqueraded` : what
}
