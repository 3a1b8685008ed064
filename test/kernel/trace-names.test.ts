import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { renderTrace } from '../../src/trace/render/text.ts'
import { namesWorld } from './trace-names-world.ts'
import type { World } from './trace-world.ts'

let world: World
let close: () => Promise<void>
before(async () => {
  ;({ world, close } = await namesWorld())
})
after(() => close())

test('a name is looked up as a program in the pod would, and the pod that answered is named', async () => {
  const trace = await world.trace('client', 'http://web/')
  assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
  assert.equal(trace.status, '200 OK')
  assert.deepEqual(
    trace.dns.map((step) => ({ ...step, ms: 0 })),
    [
      {
        question: 'web.shop.svc.cluster.local',
        type: 'A',
        server: '100.64.0.10',
        rcode: 'NOERROR',
        answers: ['100.64.0.30'],
        by: 'kube-system/dns-1, node2',
        answeredBy: 'cluster: service shop/web',
        ms: 0,
      },
      // A program that takes any kind of address asks for both at once.
      {
        question: 'web.shop.svc.cluster.local',
        type: 'AAAA',
        server: '100.64.0.10',
        rcode: 'NOERROR',
        answers: [],
        by: 'kube-system/dns-1, node2',
        answeredBy: 'cluster: no data',
        ms: 0,
      },
    ],
  )
  assert.match(
    renderTrace(trace, { width: 0, color: false, verbose: false }),
    /^name {5}web = .* = 100\.64\.0\.30 {4}2 questions to 100\.64\.0\.10 .*, answered by cluster: service shop\/web$/m,
  )
  assert.equal(trace.hops.at(-1)?.place, 'web-1')
  assert.deepEqual(trace.why, [])
})

test('a name with fewer dots than ndots costs questions about names that do not exist', async () => {
  const trace = await world.trace('client', 'http://other.bank.svc.cluster.local/')
  assert.equal(trace.verdict, 'delivered')
  const first = trace.dns.filter(({ type }) => type === 'A')
  assert.equal(trace.dns.length, 8)
  assert.deepEqual(
    first.map(({ rcode }) => rcode),
    ['NXDOMAIN', 'NXDOMAIN', 'NXDOMAIN', 'NOERROR'],
  )
  assert.deepEqual(
    first.map(({ answeredBy }) => answeredBy),
    [...new Array<string>(3).fill('cluster: no such name'), 'cluster: service bank/other'],
  )
  assert.deepEqual(
    trace.why.map(({ code }) => code),
    ['SearchedName'],
  )
  const whole = await world.trace('client', 'http://other.bank.svc.cluster.local./')
  assert.equal(whole.dns.length, 2)
})

const askedOne = 'SaidNo: see the questions one by one: the search list of the pod’s resolv.conf makes them'

test('a name that does not exist is compared with those that do', async () => {
  const wrong = await world.trace('client', 'http://wep/')
  assert.equal(wrong.verdict, 'name-not-found')
  assert.deepEqual([wrong.hops, wrong.reply, wrong.agrees], [[], [], true])
  assert.deepEqual(
    wrong.why.map(({ code, fix }) => `${code}: ${fix}`),
    ['NameUnknown: did you mean web?', askedOne],
  )
  const elsewhere = await world.trace('client', 'http://other/')
  assert.deepEqual(
    elsewhere.why.map(({ code, fix }) => `${code}: ${fix}`),
    ['NameElsewhere: write other.bank', askedOne],
  )
})

test('a headless service is its pods', async () => {
  const trace = await world.trace('client', 'http://pets:8080/')
  assert.equal(trace.verdict, 'delivered')
  assert.deepEqual(trace.dns[0]?.answers, [world.addressOf('web-1')])
  assert.ok(trace.hops.every(({ component }) => component !== 'proxy'))
})

test('a question can be followed itself', async () => {
  const trace = await world.trace('client', 'dns://web')
  assert.equal(trace.verdict, 'delivered')
  assert.equal(trace.status, 'NOERROR 100.64.0.30')
  assert.equal(trace.hops.at(-1)?.place, 'dns-1')
  assert.equal(trace.hops.find(({ component }) => component === 'proxy')?.packet.dst, '100.64.0.10:53')
  assert.ok(trace.agrees, JSON.stringify(trace.why))
})

test('other names are followed: of a service elsewhere, of an alias, of one pod of a headless service', async () => {
  const rows: [to: string, found: string, last: string][] = [
    ['http://other.bank/', 'other.bank.svc.cluster.local', 'web-1'],
    ['http://alias:80/', 'alias.shop.svc.cluster.local', 'web-1'],
    ['svc/alias:80', 'alias.shop.svc.cluster.local', 'web-1'],
    ['svc/pets', 'pets.shop.svc.cluster.local', 'web-1'],
    ['http://pet-0.pets:8080/', 'pet-0.pets.shop.svc.cluster.local', 'web-1'],
  ]
  for (const [to, found, last] of rows) {
    const trace = await world.trace('client', to)
    assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
    const answer = trace.dns.find(({ answers }) => answers.length > 0)
    assert.equal(answer?.question, found, to)
    assert.equal(trace.hops.at(-1)?.place, last, to)
    if (to.includes('alias'))
      assert.deepEqual(answer?.answers, [`${found} -> web.shop.svc.cluster.local`, '100.64.0.30'])
  }
})

test('a pod on its node’s network asks as its own files say, from its node', async () => {
  world.pod('host', 'node1', {}, 'shop', { hostNetwork: true })
  const trace = await world.trace('host', 'http://web/')
  assert.equal(trace.verdict, 'delivered', JSON.stringify(trace))
  assert.equal(trace.dns[0]?.question, 'web.shop.svc.cluster.local')
  assert.equal(trace.hops[0]?.place, 'node1')
  assert.deepEqual(
    trace.why.map(({ code }) => code),
    ['HostNetwork'],
  )
})

test('the pod’s own name stands in its hosts file', async () => {
  const trace = await world.trace('client', 'tcp://client:9', { timeoutMs: 500 })
  assert.equal(trace.dns[0]?.server, '/etc/hosts')
})
