import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hop } from '../types.ts'
import { agreement, type Seen } from './agreement.ts'
import type { Prediction } from './predict.ts'

const hop = (
  place: string,
  node: string,
  component: Hop['component'],
  action: Hop['action'],
  packet: string,
  after?: string,
): Hop => {
  const ends = (text: string): Hop['packet'] => {
    const [src = '', dst = ''] = text.split(' > ')
    return { src, dst, proto: 'tcp' }
  }
  return {
    node,
    place,
    device: '',
    component,
    action,
    packet: ends(packet),
    ...(after !== undefined && { after: ends(after) }),
    because: { kind: 'object', text: '' },
    say: '',
  }
}
const there = [
  hop('client', 'node1', 'pod', 'sent', 'a:1 > s:80'),
  hop('node1', 'node1', 'veth', 'forwarded', 'a:1 > s:80'),
  hop('node1', 'node1', 'proxy', 'translated', 'a:1 > s:80', 'a:1 > b:8080'),
  hop('node1', 'node1', 'bridge', 'forwarded', 'a:1 > b:8080'),
  hop('web', 'node1', 'app', 'delivered', 'a:1 > b:8080'),
]
const back = [
  hop('web', 'node1', 'app', 'answered', 'b:8080 > a:1'),
  hop('node1', 'node1', 'proxy', 'translated', 'b:8080 > a:1', 's:80 > a:1'),
  hop('node1', 'node1', 'bridge', 'forwarded', 's:80 > a:1'),
  hop('client', 'node1', 'pod', 'delivered', 's:80 > a:1'),
]
const predicted: Prediction = { hops: there, reply: back, verdicts: ['delivered'], mayStaySilent: false, endpoints: [] }
const seen: Seen = { hops: there, reply: back, verdict: 'delivered' }
const none = new Set<string>()
const changed = (hops: readonly Hop[], at: number, one: Hop): Hop[] =>
  hops.map((hop, index) => (index === at ? one : hop))

test('the same way, there and back, with the same end, agrees', () => {
  assert.equal(agreement(predicted, seen, none), undefined)
})

test('each of these is a difference, and the first place of it is named', () => {
  const cases: [string, Partial<Seen>, RegExp][] = [
    [
      'another endpoint',
      { hops: changed(there, 2, hop('node1', 'node1', 'proxy', 'translated', 'a:1 > s:80', 'a:1 > c:8080')) },
      /node1 .*then a:1 > c:8080/,
    ],
    ['a place less', { hops: there.slice(0, 4) }, /predicted was pod web .*seen was nothing more/],
    [
      'a place more',
      { hops: [...there, hop('far', 'node2', 'app', 'delivered', 'a:1 > b:8080')] },
      /nothing was predicted after step 3/,
    ],
    [
      'another part decided',
      { hops: changed(there, 3, hop('node1', 'node1', 'route', 'forwarded', 'a:1 > b:8080')) },
      /bridge forwarded, seen .*route forwarded/,
    ],
    ['another verdict', { verdict: 'refused' }, /predicted was delivered, and it was refused/],
    ['no answer', { reply: [] }, /on the way back: predicted was pod web/],
    [
      'an answer that is not put back',
      {
        reply: back
          .filter(({ action }) => action !== 'translated')
          .map((one) => ({ ...one, packet: { ...one.packet, src: 'b:8080' } })),
      },
      /on the way back: predicted was node1/,
    ],
  ]
  for (const [what, change, expected] of cases)
    assert.match(agreement(predicted, { ...seen, ...change }, none) ?? 'they agree', expected, what)
})

test('what cannot be known beforehand is no difference', () => {
  const port = (hops: readonly Hop[], to: string): Hop[] =>
    JSON.parse(JSON.stringify(hops).replaceAll('a:1', to)) as Hop[]
  const masqueraded = { ...predicted, hops: port(there, '10.0.0.1:*'), reply: port(back, '10.0.0.1:*') }
  const drawn = { ...seen, hops: port(there, '10.0.0.1:4711'), reply: port(back, '10.0.0.1:4711') }
  assert.equal(agreement(masqueraded, drawn, none), undefined, 'the port of a masquerade')
  assert.match(agreement(masqueraded, { ...drawn, hops: port(there, '10.0.0.2:4711') }, none) ?? '', /10\.0\.0\.1:\*/)
  const silent = { ...predicted, verdicts: ['delivered', 'refused'] as const, mayStaySilent: true }
  assert.equal(agreement(silent, { ...seen, reply: [] }, none), undefined, 'a program that says nothing')
  assert.equal(agreement(silent, { ...seen, verdict: 'refused' }, none), undefined, 'a program that does not listen')
  const unseen = { hops: there.slice(0, 1), reply: [], verdict: 'delivered' } as const
  assert.equal(
    agreement(
      {
        ...silent,
        hops: [
          ...there.slice(0, 1),
          ...there
            .slice(1)
            .map((one) => ({ ...one, node: 'node2', place: one.place === 'node1' ? 'node2' : one.place })),
        ],
      },
      unseen,
      new Set(['node2']),
    ),
    undefined,
    'a machine that nobody watched',
  )
})

test('what became of a request on a machine that nobody watched is no difference, as far as it was seen', () => {
  const way = [
    hop('client', 'node1', 'pod', 'sent', 'a:1 > b:80'),
    hop('node1', 'node1', 'route', 'forwarded', 'a:1 > b:80'),
    hop('node2', 'node2', 'route', 'delivered', 'a:1 > b:80'),
  ]
  const foretold: Prediction = { ...predicted, hops: way, verdicts: ['delivered'] }
  const lost = (component: Hop['component']): Seen => ({
    hops: [...way.slice(0, 2), hop('node1', 'node1', component, 'dropped', 'a:1 > b:80')],
    reply: [],
    verdict: 'no-answer',
  })
  assert.equal(agreement(foretold, lost('route'), new Set(['node2'])), undefined)
  // Node2 was watched, the way before it was another one, or a rule is known to have ended it: those are differences.
  assert.match(agreement(foretold, lost('route'), none) ?? '', /predicted was node1/)
  assert.match(agreement(foretold, lost('policy'), new Set(['node2'])) ?? '', /predicted was node1/)
  const elsewhere = { ...foretold, hops: changed(way, 1, hop('node1', 'node1', 'bridge', 'forwarded', 'a:1 > b:80')) }
  assert.match(agreement(elsewhere, lost('route'), new Set(['node2'])) ?? '', /predicted was node1/)
})
