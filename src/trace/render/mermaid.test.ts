import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { tell } from '../tell/tell.ts'
import { told } from '../testing/across.ts'
import { renderMermaid } from './mermaid.ts'

const trace = tell(told)

test('a delivered request is a sequence diagram, there and back', () => {
  assert.equal(
    renderMermaid(trace),
    `sequenceDiagram
  title shop/client -> http://web/: delivered, 200 OK after 0.9 ms
  participant p1 as client
  participant p2 as node1
  participant p3 as router
  participant p4 as node2
  participant p5 as far
  participant dns as DNS
  p1->>dns: web.shop.svc.cluster.local A?
  dns-->>p1: 100.64.0.20
  note over p1: sent to 100.64.0.20:80, a service’s address: no machine has it
  p1->>p2: 100.96.1.2:51087 > 100.64.0.20:80 tcp
  note over p2: out of the other end of client’s cable
  note over p2: service shop/web: 100.64.0.20:80 becomes 100.96.2.2:8080, pod far, the only one
  note over p2: for no pod on this bridge: handed to the gateway, the node itself
  note over p2: 100.96.2.2 is not in my range 100.96.1.0/24: to the router
  p2->>p3: 100.96.1.2:51087 > 100.96.2.2:8080 tcp
  note over p3: 100.96.2.0/24 belongs to node2 (192.168.50.12)
  p3->>p4: 100.96.1.2:51087 > 100.96.2.2:8080 tcp
  note over p4: "who has 100.96.2.2?": veth1 answered and is remembered
  p4->>p5: 100.96.1.2:51087 > 100.96.2.2:8080 tcp
  note over p5: port 8080: node, process 13, listens and answers
  note over p5: yes: the connection stands
  p5-->>p4: 100.96.2.2:8080 > 100.96.1.2:51087 tcp
  note over p4: out of the other end of far’s cable
  note over p4: for no pod on this bridge: handed to the gateway, the node itself
  note over p4: 100.96.1.2 is not in my range 100.96.2.0/24: to the router
  p4-->>p3: 100.96.2.2:8080 > 100.96.1.2:51087 tcp
  note over p3: 100.96.1.0/24 belongs to node1 (192.168.50.11)
  p3-->>p2: 100.96.2.2:8080 > 100.96.1.2:51087 tcp
  note over p2: put back: 100.96.2.2:8080 becomes 100.64.0.20:80, so client never saw far
  note over p2: 100.96.1.2 is behind veth1, as cbr0 remembers
  p2-->>p1: 100.64.0.20:80 > 100.96.1.2:51087 tcp
  note over p1: client has its answer, from 100.64.0.20:80, whom it asked
`,
  )
})

test('a request that went no further ends in a cross, also one that never left', () => {
  const [first] = trace.hops
  assert.ok(first)
  const dropped = { ...first, action: 'dropped' as const, say: 'nobody answered; so it ended # here' }
  const text = renderMermaid({ ...trace, verdict: 'unreachable', dns: [], hops: [dropped], reply: [] })
  assert.match(text, /note over p1: nobody answered#59; so it ended #35; here\n {2}p1-xp1: dropped\n$/)
  const nameless = renderMermaid({ ...trace, verdict: 'name-not-found', hops: [], reply: [] })
  assert.match(nameless, /participant p1 as shop\/client\n[^]*p1->>dns: /)
})

test('whatever a sentence says, it stays one statement', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (say) => {
      const [hop] = trace.hops
      assert.ok(hop)
      const lines = renderMermaid({ ...trace, dns: [], hops: [{ ...hop, say: `x${say}` }], reply: [] })
        .trimEnd()
        .split('\n')
      assert.equal(lines.length, 4)
      assert.match(lines[3] ?? '', /^ {2}note over p1: x([^;#]|#(35|59);)*$/s)
    }),
  )
})

test('why it failed stands at the end', () => {
  const why = [{ code: 'X', level: 'error', say: 'nobody listens; so it refuses', fix: 'start it' }] as const
  const lines = renderMermaid({ ...trace, verdict: 'refused', why })
    .trimEnd()
    .split('\n')
  assert.equal(lines.at(-1), '  note over p1: why: nobody listens#59; so it refuses -> start it')
})

test('who said no is left out where an error says why, as in the text', () => {
  const why = [
    { code: 'X', level: 'error', say: 'nobody listens', fix: 'start it' },
    { code: 'SaidNo', level: 'info', say: 'far said no', fix: 'look there' },
  ] as const
  const text = renderMermaid({ ...trace, verdict: 'refused', why })
  assert.match(text, /why: nobody listens -> start it\n$/)
  assert.match(renderMermaid({ ...trace, verdict: 'refused', why: why.slice(1) }), /why: far said no -> look there\n$/)
})
