import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import { tell } from '../tell/tell.ts'
import { told } from '../testing/across.ts'
import { renderTrace } from './text.ts'
import { wrapped } from './wrap.ts'
import type { DnsStep, Trace } from '../types.ts'

const trace = tell(told)

test('a delivered request reads so', () => {
  assert.equal(
    renderTrace(trace, { width: 0, color: false, verbose: false }),
    `shop/client -> http://web/    delivered, 200 OK after 0.9 ms    predicted and observed agree

name     web = web.shop.svc.cluster.local = 100.64.0.20    1 question to 100.64.0.10 (kube-system/dns-1, node2), 0.3 ms
there
 1    +0 us  client  eth0   sent to 100.64.0.20:80, a service’s address: no machine has it
 2    +2 us  node1   veth1  out of the other end of client’s cable
 3    +2 us  node1   proxy  service shop/web: 100.64.0.20:80 becomes 100.96.2.2:8080, pod far, the only one
 4   +35 us  node1   cbr0   for no pod on this bridge: handed to the gateway, the node itself
 5   +69 us  node1   eth0   100.96.2.2 is not in my range 100.96.1.0/24: to the router
 6   +85 us  router  table  100.96.2.0/24 belongs to node2 (192.168.50.12)
 7  +119 us  node2   cbr0   "who has 100.96.2.2?": veth1 answered and is remembered
 8  +121 us  far     eth0   port 8080: node, process 13, listens and answers
back
 9  +133 us  far     eth0   yes: the connection stands
10  +134 us  node2   veth1  out of the other end of far’s cable
11  +138 us  node2   cbr0   for no pod on this bridge: handed to the gateway, the node itself
12  +141 us  node2   eth0   100.96.1.2 is not in my range 100.96.2.0/24: to the router
13  +144 us  router  table  100.96.1.0/24 belongs to node1 (192.168.50.11)
14  +145 us  node1   proxy  put back: 100.96.2.2:8080 becomes 100.64.0.20:80, so client never saw far
15  +153 us  node1   cbr0   100.96.1.2 is behind veth1, as cbr0 remembers
16  +153 us  client  eth0   client has its answer, from 100.64.0.20:80, whom it asked
`,
  )
})

test('a name that is only another name, which has no address, reads so', () => {
  const question = 'en.default.svc.cluster.local'
  const step: DnsStep = {
    question,
    type: 'A',
    server: '100.64.0.10',
    rcode: 'REFUSED',
    answers: [`${question} -> example.com`],
    ms: 1,
  }
  const told = { ...trace, to: 'http://en/', hops: [], reply: [], dns: [step] }
  const text = renderTrace(told, { width: 0, color: false, verbose: false })
  assert.match(
    text,
    /^name     en = en\.default\.svc\.cluster\.local = example\.com, which has no address {4}1 question/m,
  )
})

test('of a name with hundreds of addresses the first are told, and how many more there are', () => {
  const answers = Array.from({ length: 2000 }, (_, at) => `10.0.${at >> 8}.${at & 255}`)
  const step: DnsStep = { question: 'many.', type: 'A', server: '100.64.0.10', rcode: 'NOERROR', answers, ms: 1 }
  const told = { ...trace, to: 'http://many./', hops: [], reply: [], dns: [step, { ...step, question: 'other.' }] }
  const lines = renderTrace(told, { width: 0, color: false, verbose: true }).split('\n')
  const long = lines.filter((line) => line.includes('10.0.0.19, 1,980 more'))
  assert.equal(long.length, 3)
  assert.ok(lines.every((line) => line.length < 500))
})

test('with the evidence, each line has the kernel’s own words beneath it', () => {
  const lines = renderTrace(trace, { width: 0, color: false, verbose: true }).split('\n')
  const beneath = (start: string): string => (lines[lines.findIndex((line) => line.startsWith(start)) + 1] ?? '').trim()
  assert.match(
    beneath(' 1 '),
    /^packet: eth0 out: 100\.96\.1\.2:51087 > 100\.64\.0\.20:80 tcp SYN seq 2948804503 ttl 64$/,
  )
  assert.match(
    beneath(' 3 '),
    /rule: .*"to a service: pick one of its endpoints" -> goto pick-1; kubehop pick-1: "the only endpoint" -> accept/,
  )
  assert.match(beneath(' 6 '), /route: 100\.96\.2\.0\/24 via 192\.168\.50\.12 dev eth0$/)
  assert.match(beneath(' 7 '), /neighbour: 100\.96\.2\.2 is at 0a:58:64:60:02:02/)
  assert.match(beneath(' 8 '), /socket: tcp 0\.0\.0\.0:8080 node\[13\]$/)
})

test('colours are only there when they are asked for, and change no word', () => {
  const plain = renderTrace(trace, { width: 80, color: false, verbose: true })
  const coloured = renderTrace(trace, { width: 80, color: true, verbose: true })
  assert.ok(!plain.includes('\u001b') && coloured.includes('\u001b['))
  assert.equal(stripVTControlCharacters(coloured), plain)
})

test('no line is wider than the terminal, and what follows is indented', () => {
  const lines = renderTrace(trace, { width: 80, color: false, verbose: true }).trimEnd().split('\n')
  for (const line of lines) assert.ok(line.length <= 80 || !line.trim().includes(' ', 60), line)
  assert.deepEqual(wrapped('12 aaa bbb ccc', 3, 0), ['12 aaa bbb ccc'])
  const long = `12 ${'word '.repeat(12)}`.trimEnd()
  assert.deepEqual(wrapped(long, 3, 40), [long.slice(0, 37).trimEnd(), `   ${long.slice(38)}`])
})

test('that an end has no network of its own is beside the reasons, and none of them', () => {
  const told = (verdict: 'delivered' | 'dropped'): string[] => {
    const why: Trace['why'] = [
      { code: 'HostNetwork', level: 'info', say: 'it is its node', fix: 'nothing is wrong with that' },
      { code: 'LocalPolicy', level: 'error', say: 'nobody here', fix: 'run one' },
    ]
    const lines = renderTrace({ ...trace, verdict, why }, { width: 0, color: false, verbose: false }).split('\n')
    return lines.slice(lines.findIndex((line) => line === 'why' || line === 'note')).filter((line) => line !== '')
  }
  const [note, reason] = [
    ['  it is its node', '  -> nothing is wrong with that'],
    ['  nobody here', '  -> run one'],
  ]
  assert.deepEqual(told('dropped'), ['why', ...(reason ?? []), 'note', ...(note ?? [])])
  assert.deepEqual(told('delivered'), ['note', ...(note ?? []), ...(reason ?? [])])
})

test('the name of an object is its own, whatever stands before it', () => {
  const first = (to: string): string | undefined =>
    renderTrace({ ...trace, to }, { width: 0, color: false, verbose: false })
      .split('\n')
      .find((line) => line.startsWith('name'))
      ?.split(' = ')[0]
  for (const to of [
    'svc/web',
    'shop/svc/web:http',
    'web:80',
    'udp://web:80',
    'udp://shop/svc/web:80',
    'http://web/svc/x',
  ])
    assert.equal(first(to), 'name     web', to)
})
