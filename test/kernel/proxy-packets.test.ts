import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { cidr } from '../../src/base/address.ts'
import { type Proxy, type ProxyOptions, startProxy } from '../../src/proxy/proxy.ts'
import { ClusterByHand } from '../rows/cluster-by-hand.ts'
import { allServices, allSlices, features } from '../rows/features.ts'
import { masqueradeAll } from '../rows/masquerade.ts'
import { everyAddress } from '../rows/node-port.ts'
import { questionOf, type Row, titleOf } from '../rows/row.ts'
import { node } from '../rows/services.ts'
import { type Fate, Probe } from './proxy-probe.ts'
import type { Answer } from './proxy-servers.ts'
import { log, World } from './proxy-world.ts'

// Every row in the real kernel, twice: as a first packet made by hand, of which is seen where it arrives and who refuses it, and, where
// somebody is to answer, as a connection of an ordinary socket, which shows that the answer finds its way back. All rows of a suite are
// under way at once.

const stack = new AsyncDisposableStack()
let world: World
let probe: Probe
const cluster = new ClusterByHand([...allServices, ...allSlices])

before(() => {
  world = stack.use(new World())
  probe = stack.use(new Probe(world))
})

after(() => stack.disposeAsync())

suite('all features', () => {
  const rows = Object.values(features).flatMap((feature) => feature.rows)
  const outcomes = sent(rows)
  for (const [feature, { rows }] of Object.entries(features))
    suite(feature, () => {
      for (const row of rows) test(titleOf(row), async () => check(row, await outcomes.get(row)))
    })
})

suite('masqueradeAll', () => {
  const outcomes = sent(masqueradeAll, { masqueradeAll: true })
  for (const row of masqueradeAll) test(titleOf(row), async () => check(row, await outcomes.get(row)))
})

suite('node ports at every address of the node', () => {
  const outcomes = sent(everyAddress, { nodePortAddresses: [cidr('192.168.0.0/16')] })
  for (const row of everyAddress) test(titleOf(row), async () => check(row, await outcomes.get(row)))
})

interface Outcome {
  readonly fate: Fate
  readonly answer?: Answer | 'refused' | 'nothing'
}

/** Starts a proxy for the suite, sends all its rows, and has their outcomes when its tests run. */
function sent(rows: readonly Row[], options: Partial<ProxyOptions> = {}): ReadonlyMap<Row, Promise<Outcome>> {
  const outcomes = new Map<Row, Promise<Outcome>>()
  let proxy: Proxy | undefined
  before(async () => {
    const { podCidr, serviceCidr } = node
    const { client } = cluster
    proxy = startProxy({ client, nodeName: node.name, podCidr, serviceCidr, ns: world.node, log, ...options })
    await proxy.synced
    for (const row of rows) settle(row)
    for (const row of rows) outcomes.set(row, send(row))
    await Promise.allSettled(outcomes.values())
  })
  after(() => proxy?.close())
  return outcomes
}

/** Somebody serves wherever the row says that the packet may end. */
function settle({ expect, to, port, protocol }: Row): void {
  if (expect === 'drop' || expect === 'reject' || protocol === 'SCTP') return
  for (const end of expect === 'none' ? [`${to}:${port}`] : expect) {
    const [at = '', its] = end.split(':')
    // Of very many endpoints those few that a row is likely to meet would not be known.
    if (protocol === 'TCP' || expect.length < 10) world.serve(at, Number(its), protocol)
  }
}

async function send(row: Row): Promise<Outcome> {
  const { from, to, port, protocol, expect } = row
  const fate = await probe.fate(questionOf(row), expect === 'drop')
  if (expect === 'drop' || protocol === 'SCTP') return { fate }
  return { fate, answer: await world.ask(from, to, port, protocol) }
}

function check(row: Row, outcome: Outcome | undefined): void {
  const { fate, answer } = outcome ?? assert.fail('it was not sent')
  const { expect, protocol } = row
  if (expect === 'drop') return assert.equal(fate.is, 'nothing', JSON.stringify(fate))
  if (expect === 'reject') {
    if (protocol === 'TCP') assert.equal(fate.is, 'reset', JSON.stringify(fate))
    else assert.deepEqual({ is: fate.is, code: 'code' in fate && fate.code }, { is: 'unreachable', code: 3 })
    if (protocol !== 'SCTP') assert.equal(answer, 'refused')
    return
  }
  const ends = expect === 'none' ? [`${row.to}:${row.port}`] : expect
  const { flight } = fate.is === 'arrival' ? fate : assert.fail(JSON.stringify(fate))
  assert.ok(ends.includes(`${flight.to}:${flight.port}`), `it arrived at ${flight.to}:${flight.port}`)
  if (!isHidden(row, flight.to))
    assert.equal(flight.from !== row.from, row.masquerade, `${flight.to} saw ${flight.from}`)
  if (protocol === 'SCTP') return
  const { by, saw } = typeof answer === 'object' ? answer : assert.fail(answer)
  assert.ok(ends.includes(by), `${by} answered`)
  if (!isHidden(row, by)) assert.equal(saw !== row.from, row.masquerade, `${by} saw ${saw}`)
}

/** Who is masqueraded as what it is looks the same. */
function isHidden({ from }: Row, endpoint: string): boolean {
  return from === '192.168.50.11' && !endpoint.startsWith('100.96.1.')
}
