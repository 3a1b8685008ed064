import assert from 'node:assert/strict'
import { test } from 'node:test'
import { headline, outcomeOf, saysNo } from './verdict.ts'

test('a name server that says no is not shown as delivered', () => {
  const refused = { protocol: 'dns', verdict: 'delivered', status: 'REFUSED' } as const
  assert.ok(saysNo(refused))
  assert.deepEqual(outcomeOf(refused), { word: 'answered: REFUSED', status: undefined, style: 'yellow' })
  const found = { protocol: 'dns', verdict: 'delivered', status: 'NOERROR 100.64.0.20' } as const
  assert.deepEqual(outcomeOf(found), { word: 'delivered', status: found.status, style: 'green' })
  assert.ok(!saysNo({ protocol: 'http', verdict: 'delivered', status: '404 Not Found' }))
  assert.ok(!saysNo({ protocol: 'dns', verdict: 'no-answer' }))
  // Nothing but a question was sent.
  const question = outcomeOf({ protocol: 'dns', verdict: 'unreachable', asked: { name: 'web', server: '10.0.0.2' } })
  assert.equal(
    headline(question.word, { verdict: 'unreachable', ms: 2 }, question.status),
    'unreachable after 2.0 ms: the name server 10.0.0.2, asked for "web"; the request itself was not sent',
  )
  assert.equal(headline('delivered', { verdict: 'delivered', ms: 26.2 }, '200 OK'), 'delivered, 200 OK after 26 ms')
  assert.equal(headline('refused', { verdict: 'refused', ms: 0.31 }), 'refused after 0.3 ms')
  assert.equal(
    headline('no answer', { verdict: 'no-answer', ms: 14 }, 'it does not speak TLS; ask for http://'),
    'no answer after 14 ms: it does not speak TLS; ask for http://',
  )
})
