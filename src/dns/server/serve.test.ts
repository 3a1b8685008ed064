import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pino } from 'pino'
import { exposition } from '../../base/metrics/exposition.ts'
import { handlerList } from '../handlers/list.ts'
import { overTcp, overUdp, queryOf } from '../testing/ask.ts'
import { zoneOf } from '../testing/cluster.ts'
import { countedFamilies } from './families.ts'
import { InFlight } from './in-flight.ts'
import { Metrics } from './metrics.ts'
import { QueryLog } from './query-log.ts'
import { Responder } from './responder.ts'
import { serveWith } from './serve.ts'

const silent = pino({ level: 'silent' })

test('everything that is asked is counted under CoreDNS’ names and labels', async () => {
  const { ask, text } = serving()
  ask(queryOf('svc1.testns.svc.cluster.local', 'A', { opt: { size: 1232, dnssec: true } }))
  ask(queryOf('svc1.testns.svc.cluster.local', 'A'))
  ask(queryOf('nosuch.testns.svc.cluster.local', 'AAAA'), overTcp)
  ask(queryOf('example.com', 99))
  ask(queryOf('svc1.testns.svc.cluster.local', 'A', { opt: { size: 1232, version: 1 } }))
  ask(Buffer.concat([queryOf('a', 'A'), Buffer.alloc(3)]))
  ask(Buffer.alloc(3))
  const lines = await text()
  const server = 'server="dns://:53"'
  for (const line of [
    `coredns_dns_requests_total{family="1",proto="udp",${server},type="A",view="",zone="."} 3`,
    `coredns_dns_requests_total{family="1",proto="tcp",${server},type="AAAA",view="",zone="."} 1`,
    `coredns_dns_requests_total{family="1",proto="udp",${server},type="other",view="",zone="."} 2`,
    `coredns_dns_do_requests_total{${server},view="",zone="."} 1`,
    `coredns_dns_responses_total{plugin="cluster",rcode="NOERROR",${server},view="",zone="."} 2`,
    `coredns_dns_responses_total{plugin="cluster",rcode="NXDOMAIN",${server},view="",zone="."} 1`,
    `coredns_dns_responses_total{plugin="",rcode="REFUSED",${server},view="",zone="."} 1`,
    `coredns_dns_responses_total{plugin="",rcode="BADVERS",${server},view="",zone="."} 1`,
    `coredns_dns_responses_total{plugin="",rcode="FORMERR",${server},view="",zone="."} 1`,
    `coredns_dns_request_duration_seconds_count{${server},view="",zone="."} 6`,
    `coredns_dns_request_size_bytes_count{proto="udp",${server},view="",zone="."} 5`,
    `coredns_dns_response_size_bytes_bucket{le="100",proto="tcp",${server},view="",zone="."} 0`,
    `coredns_dns_response_size_bytes_bucket{le="200",proto="tcp",${server},view="",zone="."} 1`,
    'coredns_panics_total 0',
    'kubehop_dns_dropped_total 1',
  ])
    assert.ok(lines.includes(line), `${line}\n\n${lines.join('\n')}`)
})

test('several counts are one: cells are added', async () => {
  const one = serving()
  const two = serving()
  one.ask(queryOf('svc1.testns.svc.cluster.local', 'A'))
  two.ask(queryOf('svc1.testns.svc.cluster.local', 'A'))
  const sum = one.metrics.cells.map((value, at) => value + (two.metrics.cells[at] ?? 0))
  let text = ''
  for await (const piece of exposition(countedFamilies(() => sum, 53))) text += piece
  assert.match(text, /^coredns_dns_requests_total\{.*type="A".*\} 2$/m)
  assert.match(text, /^coredns_dns_request_duration_seconds_count\{.*\} 2$/m)
})

test('a defect costs one message its answer, and is counted', async () => {
  const metrics = new Metrics()
  const broken = {
    react() {
      throw new Error('a defect')
    },
  }
  let told = 0
  serveWith(broken, metrics, silent)(queryOf('a', 'A'), overUdp, (reply) => {
    assert.equal(reply, undefined)
    told++
  })
  assert.equal(told, 1)
  let text = ''
  for await (const piece of exposition(countedFamilies(() => metrics.cells, 53))) text += piece
  assert.match(text, /^coredns_panics_total 1$/m)
})

test('the query log is a line that a person can read', () => {
  const { ask, logged, queryLog } = serving('all')
  ask(queryOf('SVC1.testns.svc.cluster.local', 'A'))
  ask(queryOf('svc1.testns.svc.cluster.local', 'SRV'), overTcp)
  ask(queryOf('nosuch.testns.svc.cluster.local', 'A'))
  ask(queryOf('hdls1.testns.svc.cluster.local', 'AAAA'))
  ask(queryOf('example.com', 'A'))
  ask(queryOf('a\\010b.example', 65))
  const lines = logged().map(({ msg }) => msg.replace(/\d+\.\d\d ms$/, 'T ms'))
  const aaaa = lines[3]?.replace(/5678:abcd::[12], 5678:abcd::[12]/, 'BOTH')
  assert.deepEqual(
    [...lines.slice(0, 3), aaaa, ...lines.slice(4)],
    [
      '127.0.0.1 udp A SVC1.testns.svc.cluster.local -> NOERROR 10.0.0.1 by cluster (service testns/svc1) T ms',
      '127.0.0.1 tcp SRV svc1.testns.svc.cluster.local -> NOERROR svc1.testns.svc.cluster.local:80 by cluster (service testns/svc1) T ms',
      '127.0.0.1 udp A nosuch.testns.svc.cluster.local -> NXDOMAIN by cluster (no such name) T ms',
      '127.0.0.1 udp AAAA hdls1.testns.svc.cluster.local -> NOERROR BOTH by cluster (service testns/hdls1) T ms',
      '127.0.0.1 udp A example.com -> REFUSED by nobody T ms',
      '127.0.0.1 udp TYPE65 a\\010b.example -> REFUSED by nobody T ms',
    ],
  )
  assert.deepEqual(
    { ...logged()[0], ms: 0, time: 0, msg: '' },
    {
      level: 30,
      time: 0,
      client: '127.0.0.1',
      proto: 'udp',
      type: 'A',
      name: 'SVC1.testns.svc.cluster.local',
      rcode: 'NOERROR',
      answers: ['10.0.0.1'],
      by: 'cluster',
      from: 'service testns/svc1',
      ms: 0,
      msg: '',
    },
  )
  queryLog.mode = 'off'
  ask(queryOf('example.com', 'A'))
  assert.equal(logged().length, 6)
  queryLog.mode = 'errors'
  for (const name of ['nosuch.testns.svc.cluster.local', 'svc1.testns.svc.cluster.local', 'example.com'])
    ask(queryOf(name, 'A'))
  assert.equal(logged().length, 7)
})

test('a server is settled when what waits has been answered and nothing new came', async () => {
  const inFlight = new InFlight()
  await inFlight.settled(1000)
  inFlight.begin()
  let settled = false
  const waiting = inFlight.settled(10_000).then(() => (settled = true))
  await new Promise(setImmediate)
  inFlight.begin()
  inFlight.end()
  await new Promise(setImmediate)
  assert.equal(settled, false)
  inFlight.end()
  await waiting
  // What is never answered is not waited for.
  inFlight.begin()
  await inFlight.settled(1)
})

interface Line {
  readonly msg: string
  readonly [field: string]: unknown
}

function serving(mode: 'off' | 'all' = 'off') {
  const metrics = new Metrics()
  const written: string[] = []
  const log = pino({ base: {} }, { write: (line: string) => void written.push(line) })
  const queryLog = new QueryLog(mode, log)
  const responder = new Responder({ ...handlerList({ zone: zoneOf(), synced: () => true }), log: silent })
  const serve = serveWith(responder, metrics, silent, { queryLog })
  return {
    metrics,
    queryLog,
    logged: (): Line[] => written.map((line) => JSON.parse(line) as Line),
    ask: (bytes: Buffer, asker = overUdp) => serve(bytes, asker, () => {}),
    async text(): Promise<string[]> {
      let text = ''
      for await (const piece of exposition(countedFamilies(() => metrics.cells, 53))) text += piece
      return text.split('\n')
    },
  }
}
