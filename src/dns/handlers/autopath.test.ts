import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { defaults, type DnsConfig } from '../config/config.ts'
import { withoutRestart } from '../config/restart.ts'
import { readSearches } from '../searches.ts'
import { Responder } from '../server/responder.ts'
import { queryOf, read, summary } from '../testing/ask.ts'
import { service, zoneOf } from '../testing/cluster.ts'
import { silent } from '../testing/forwarder.ts'
import { pod, walk } from '../testing/search.ts'
import { rcodes } from '../wire/message.ts'
import type { Zone } from '../zone/zone.ts'
import { askerAt } from './handler.ts'
import { handlerList } from './list.ts'

const nx = 'NXDOMAIN ~SOA=cluster.local'
const nodeSearches = ['corp.example']
/** What a node's pods in the namespace podns have in their resolv.conf. */
const searches = ['podns.svc.cluster.local', 'svc.cluster.local', 'cluster.local', ...nodeSearches]

/** Names outside. */
const outside = new Map<string, string[]>([
  ['example.test', ['192.0.2.1', '2001:db8::1']],
  ['four.example.test', ['192.0.2.2']],
  ['app.mail.corp.example', ['192.0.2.3']],
  ['app.mail', ['192.0.2.33']],
  ['app.test', ['192.0.2.4']],
  ['web-0.app', ['192.0.2.5']],
  ['single', ['192.0.2.6']],
  ['x.own.team.example', ['192.0.2.7']],
  // An upstream fails there.
  ['app.test.failing.example', []],
])

test('a pod gets in one round trip what it would have found', async (t) => {
  const rows: [name: string, found: string, without: number, withIt: number][] = [
    // Its own namespace is the first thing that it asks for.
    ['mine', '10.0.0.40', 1, 1],
    ['svc1.testns', '10.0.0.1', 2, 1],
    ['svc-dual.testns', '10.0.0.3', 2, 1],
    ['hdlsnp.testns.svc', '172.0.0.20', 3, 1],
    ['svc1.testns.svc.cluster.local', '10.0.0.1', 5, 1],
    ['external-in.testns', '10.0.0.1', 2, 1],
    ['example.test', '192.0.2.1', 5, 1],
    // The node's domain is tried before the name as it stands, so the host there is not hidden by another one.
    ['app.mail', '192.0.2.3', 4, 1],
    ['app.test', '192.0.2.4', 5, 1],
    // Where nothing is found the pod walks by itself, as it does without.
    ['nosuch.test', '', 5, 5],
    ['single', '192.0.2.6', 5, 5],
  ]
  for (const library of ['glibc', 'musl'] as const)
    for (const [name, found, without, withIt] of rows)
      for (const autopath of [undefined, nodeSearches]) {
        const { end, addresses, questions } = await walk(
          name,
          searches,
          library,
          await pod(t, { zone: world(), outside, autopath }),
        )
        const said = [end === 'found' ? addresses[0] : '', questions]
        assert.deepEqual(said, [found, autopath ? withIt : without], `${name} with ${library}`)
      }
})

test('A and AAAA end at the same name', async (t) => {
  for (const name of ['svc1.testns', 'svc-dual.testns', 'svc6.testns', 'example.test', 'four.example.test']) {
    const ask = await pod(t, { zone: world(), outside, autopath: nodeSearches })
    const targets = await Promise.all(
      (['A', 'AAAA'] as const).map(async (type) => {
        const { rcode, answers } = await ask(`${name}.podns.svc.cluster.local`, type)
        assert.equal(rcode, rcodes.NOERROR)
        return answers[0]?.type === 'CNAME' && answers[0].target
      }),
    )
    assert.ok(targets[0])
    assert.equal(targets[0], targets[1], name)
  }
})

test('the alias is under the question as it was spelled, and kept no longer than a miss', async (t) => {
  const ask = await pod(t, { zone: world(), outside, autopath: [] })
  const answer = await ask('Svc1.TestNS.podns.svc.cluster.LOCAL', 'A')
  assert.equal(summary(answer), 'NOERROR 10.0.0.1 CNAME=svc1.testns.svc.cluster.LOCAL')
  assert.deepEqual(
    [answer.answers[0]?.name, answer.answers[0]?.ttl, answer.answers[0]?.type],
    ['Svc1.TestNS.podns.svc.cluster.LOCAL', 5, 'CNAME'],
  )
  assert.equal(summary(await ask('svc1\\.x.a\\000b.podns.svc.cluster.local', 'A')), 'NXDOMAIN ~SOA=cluster.local')
})

test('what may be meant as it stands is left alone', async (t) => {
  const zone = world()
  const ask = await pod(t, { zone, outside, autopath: nodeSearches })
  const first = async (name: string, type: 'A' | 'CNAME' = 'A'): Promise<string> =>
    summary(await ask(`${name}.podns.svc.cluster.local`, type))
  assert.equal(await first('web-0.app'), 'NOERROR 192.0.2.5 CNAME=web-0.app')
  zone.service(service('app', { clusterIP: 'None' }, 'podns'), true)
  assert.equal(await first('web-0.app'), nx, 'an endpoint that is not ready yet is no host of the internet')
  assert.equal(await first('example.test', 'CNAME'), nx)
  assert.equal(summary(await ask('example.test.svc.cluster.local', 'A')), nx, 'not the first of the list')
  assert.equal(summary(await ask('svc1.testns.testns.svc.cluster.local', 'A')), nx, "another namespace's list")
  assert.equal(summary(await ask('xpodns.svc.cluster.local', 'A')), nx)
})

test('a pod whose list is not known walks by itself', async (t) => {
  const zone = world()
  const from = async (ip: string, name = 'svc1.testns.podns.svc.cluster.local'): Promise<string> =>
    summary(await (await pod(t, { zone, outside, ip, autopath: [] }))(name, 'A'))
  assert.match(await from('10.240.0.1'), /^NOERROR/)
  assert.match(await from('::ffff:10.240.0.1'), /^NOERROR/)
  assert.equal(await from('10.240.0.9'), nx, 'nobody')
  zone.pod('podns', 'host', [address('10.240.0.9')])
  assert.equal(await from('10.240.0.9'), nx, "the node's network, or another policy")
  zone.pod('testns', 'next', [address('10.240.0.1')], [])
  assert.equal(await from('10.240.0.1'), nx, 'an address that two pods have')
  zone.pod('podns', 'pod-1', [])
  assert.equal(await from('10.240.0.1'), nx)
  assert.match(await from('10.240.0.1', 'svc1.testns.testns.svc.cluster.local'), /^NOERROR/, "now it is the next pod's")
  zone.pod('testns', 'next', [address('10.240.0.1')], ['team.example'])
  assert.match(
    await from('10.240.0.1', 'x.own.testns.svc.cluster.local'),
    /^NOERROR 192.0.2.7/,
    'its own domains count',
  )
})

test('a name that could not be had hides nothing behind it', async (t) => {
  const ask = await pod(t, { zone: world(), outside, autopath: ['failing.example'] })
  assert.equal(summary(await ask('app.test.podns.svc.cluster.local', 'A')), nx)
  const alone = new Responder({ ...handlerList({ zone: world(), synced: () => true, autopath: [] }), log: silent })
  const reply = await alone.react(queryOf('app.test.podns.svc.cluster.local', 'A'), askerAt('udp', '10.240.0.1'))
  assert.equal(reply && summary(read(reply)), nx, 'nobody to ask')
})

test('pods are followed from the start, or autopath comes with the next one', () => {
  const rows: [now: Partial<DnsConfig>, wanted: Partial<DnsConfig>, got: boolean, restart: string[]][] = [
    [{}, { autopath: true }, false, ['autopath']],
    [{ pods: 'verified' }, { autopath: true }, true, []],
    [{ autopath: true }, {}, false, []],
  ]
  for (const [now, wanted, got, restart] of rows) {
    const result = withoutRestart({ ...defaults, ...now }, { ...defaults, ...wanted })
    assert.deepEqual([result.config.autopath, result.restart], [got, restart])
  }
})

test("the node's domains are those of the last line", () => {
  const text = 'nameserver 10.0.0.10\nsearch a.example\nsearch Corp.Example. b.example .\noptions ndots:5\n'
  assert.deepEqual(readSearches(text), ['corp.example', 'b.example', ''])
  assert.deepEqual(readSearches('domain old.example'), ['old.example'])
  assert.deepEqual(readSearches('nameserver 9.9.9.9\n#search x'), [])
})

function world(): Zone {
  const zone = zoneOf()
  zone.service(service('mine', { clusterIP: '10.0.0.40', ports: [{ port: 80 }] }, 'podns'), true)
  zone.pod('podns', 'pod-1', [address('10.240.0.1')], [])
  return zone
}
