import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Agent } from '../../src/trace/agent.ts'
import type { RepeatedOutcome } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('near', 'node1')
  world.pod('far', 'node2')
  world.pod('shut', 'node2')
  world.service('web', '100.64.0.30', 80, 8080, ['near', 'far'])
  world.service('half', '100.64.0.31', 80, 8080, ['near', 'shut'])
  world.service('sticky', '100.64.0.32', 80, 8080, ['near', 'far'], { sessionAffinity: 'ClientIP' })
  world.service('empty', '100.64.0.33', 80, 8080, [])
  world.service('clock', '100.64.0.34', 123, 1230, ['near', 'far'], {
    ports: [{ port: 123, targetPort: 1230, protocol: 'UDP' }],
  })
  world.teach()
  await Promise.all([
    world.web('near'),
    world.web('far'),
    world.echo('near', 1230),
    world.echo('far', 1230),
    world.program('near', `require('net').createServer((c) => {}).listen(7070, () => console.log('ready'))`),
  ])
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

const brief = ({ verdict, endpoint }: RepeatedOutcome): string => `${verdict} ${endpoint?.pod} ${endpoint?.node}`
const total = (outcomes: readonly RepeatedOutcome[] = []): number => outcomes.reduce((sum, { count }) => sum + count, 0)

test('one request is told without a summary, and so is a count of one', async () => {
  assert.equal((await world.trace('client', 'svc/web')).repeats, undefined)
  assert.equal((await world.trace('client', 'svc/web', { count: 1 })).repeats, undefined)
})

test('many requests to a service are shared by its endpoints, and each is counted', async () => {
  const count = 200
  for (const to of ['http://100.64.0.30/', 'tcp://svc/web', 'udp://svc/clock']) {
    const { verdict, repeats, agrees, why } = await world.trace('client', to, { count })
    assert.equal(verdict, 'delivered', to)
    assert.ok(agrees, JSON.stringify(why))
    assert.deepEqual(why, [])
    assert.equal(repeats?.count, count)
    assert.equal(repeats?.asked, undefined)
    assert.deepEqual(repeats?.outcomes.map(brief).sort(), ['delivered shop/far node2', 'delivered shop/near node1'])
    assert.equal(total(repeats?.outcomes), count)
    for (const { count: own, expected, ms } of repeats?.outcomes ?? []) {
      assert.equal(expected, 0.5)
      // Half of 200, seven standard deviations aside.
      assert.ok(Math.abs(own - count / 2) < 50, `${own} of ${count}`)
      assert.ok(0 < ms.min && ms.min <= ms.median && ms.median <= ms.p90 && ms.p90 <= ms.max, JSON.stringify(ms))
    }
  }
})

test('an outcome that is not the trace’s own comes with its way, as it was seen', async () => {
  const { repeats, hops } = await world.trace('client', 'svc/half', { count: 60 })
  const [refused, delivered] = [...(repeats?.outcomes ?? [])].sort((a, b) => (a.verdict < b.verdict ? 1 : -1))
  assert.equal(refused && brief(refused), 'refused shop/shut node2')
  assert.equal(delivered && brief(delivered), 'delivered shop/near node1')
  assert.equal(total(repeats?.outcomes), 60)
  // The first request is the trace itself; the other outcome's first has its own hops.
  const own = hops.at(-1)?.place === 'shut' ? refused : delivered
  const other = own === refused ? delivered : refused
  assert.equal(own?.hops, undefined)
  assert.equal(other?.hops?.at(-1)?.place, other === refused ? 'shut' : 'near')
  assert.equal(other?.hops?.at(-1)?.action, other === refused ? 'rejected' : 'delivered')
  assert.match(other?.hops?.find(({ action }) => action === 'translated')?.because.text ?? '', /^kubehop /)
  assert.equal(other?.reply?.at(-1)?.place, 'client')
})

test('a service that remembers who asked gives all to one endpoint, and no share is expected', async () => {
  const { repeats } = await world.trace('client', 'svc/sticky', { count: 30 })
  assert.equal(repeats?.outcomes.length, 1)
  assert.equal(repeats?.outcomes[0]?.count, 30)
  assert.equal(repeats?.outcomes[0]?.expected, undefined)
})

test('requests that nobody takes have no endpoint', async () => {
  const { repeats } = await world.trace('client', 'svc/empty', { count: 20 })
  assert.deepEqual(
    repeats?.outcomes.map(({ verdict, endpoint, count }) => ({ verdict, endpoint, count })),
    [{ verdict: 'rejected', endpoint: undefined, count: 20 }],
  )
})

test('echoes, and a pod asked directly', async () => {
  const { repeats } = await world.trace('client', 'icmp://pod/far', { count: 70 })
  assert.deepEqual(repeats?.outcomes.map(brief), ['delivered shop/far node2'])
  assert.equal(repeats?.outcomes[0]?.count, 70)
})

test('who does not answer does not hold up the others', async () => {
  const started = performance.now()
  const to = `http://${world.addressOf('near')}:7070/`
  const { repeats } = await world.trace('client', to, { count: 40, timeoutMs: 1000 })
  assert.deepEqual(repeats?.outcomes.map(brief), ['no-answer shop/near node1'])
  assert.equal(repeats?.count, 40)
  // One after the other would take 40 s, and four at a time 10 s; who waits long lets the next begin.
  assert.ok(performance.now() - started < 9000)
})

test('a thousand are watched, one and all', async () => {
  const { repeats, why } = await world.trace('client', 'http://100.64.0.30/', { count: 1000 })
  assert.equal(repeats?.count, 1000)
  assert.equal(total(repeats?.outcomes), 1000)
  assert.deepEqual(
    repeats?.outcomes.map(({ verdict }) => verdict),
    ['delivered', 'delivered'],
  )
  assert.deepEqual(why, [])
})

test('whoever ends the trace ends the rest of the requests', async () => {
  const stop = new AbortController()
  const trace = world.trace('client', `http://${world.addressOf('near')}:7070/`, {
    count: 1000,
    timeoutMs: 600,
    signal: stop.signal,
  })
  setTimeout(() => stop.abort(), 1500)
  const { repeats } = await trace
  assert.ok((repeats?.count ?? 0) < 200, String(repeats?.count))
  assert.equal(repeats?.asked, 1000)
})

/** Node 1's agent, and what happens while it sends many requests, or behind the first of its volleys. */
function agentsWhere(happens: { during?: () => void; behind?: () => void }): ReadonlyMap<string, Agent> {
  const agent = world.agents.get('node1')
  assert.ok(agent)
  let once = false
  const probe: Agent['probe'] = async (spec, signal) => {
    if (spec.kind !== 'repeat' || once) return agent.probe(spec, signal)
    once = true
    const result = agent.probe(spec, signal)
    happens.during?.()
    await result
    happens.behind?.()
    return result
  }
  return new Map([...world.agents, ['node1', { ...agent, probe }]])
}

test('a sender that ends meanwhile has sent what it has', async () => {
  world.pod('short', 'node1')
  const agents = agentsWhere({ during: () => setTimeout(() => world.end('short'), 150) })
  const to = `http://${world.addressOf('near')}:7070/`
  const { repeats } = await world.trace('short', to, { count: 1000, timeoutMs: 300, agents })
  assert.ok((repeats?.count ?? 0) < 65, String(repeats?.count))
  assert.equal(repeats?.asked, 1000)
})

test('a target that ends meanwhile is another outcome', async () => {
  world.pod('brief', 'node2')
  await world.web('brief')
  const agents = agentsWhere({ behind: () => world.end('brief') })
  const { verdict, repeats } = await world.trace('client', 'pod/brief:8080', { count: 80, timeoutMs: 500, agents })
  assert.equal(verdict, 'delivered')
  const [delivered, ...others] = repeats?.outcomes ?? []
  // The first, and a volley.
  assert.deepEqual(delivered && [brief(delivered), delivered.count], ['delivered shop/brief node2', 65])
  assert.equal(total(others), 15)
  for (const { verdict: other, hops } of others) {
    assert.notEqual(other, 'delivered')
    assert.equal(hops?.at(-1)?.action, 'dropped')
  }
})

test('what could not be seen of many requests is said once', async () => {
  const agent = world.agents.get('node2')
  assert.ok(agent)
  let asked = 0
  const observe: Agent['observe'] = (spec, signal) => {
    if (asked++ > 0) throw new Error('this agent has had enough')
    return agent.observe(spec, signal)
  }
  const agents = new Map([...world.agents, ['node2', { ...agent, observe }]])
  const { repeats, why } = await world.trace('client', 'pod/far:8080', { count: 130, agents })
  assert.equal(repeats?.count, 130)
  assert.deepEqual(
    repeats?.outcomes.map(({ verdict }) => verdict),
    ['delivered'],
  )
  assert.deepEqual(
    why.map(({ code, say }) => [code, say]),
    [['Unwatched', 'node2 could not be watched: this agent has had enough']],
  )
})
