import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderLive } from './render.ts'
import type { LiveFlow, LiveTrace } from './types.ts'

const options = { width: 0, color: false, verbose: false }
const flow: LiveFlow = {
  number: 7,
  at: '2026-01-01T19:40:01.123456Z',
  src: '100.96.1.2:41000',
  dst: '100.64.0.23:80',
  endpoint: '100.96.1.3:8080',
  pod: 'shop/near',
  verdict: 'delivered',
  ms: 0.42,
}
const summary = (live: Partial<LiveTrace['live']>): string =>
  renderLive(
    {
      kind: 'summary',
      trace: {
        from: 'shop/client',
        to: 'web',
        protocol: 'tcp',
        live: {
          seconds: 10,
          watched: '',
          begun: 0,
          followed: 0,
          verdicts: {},
          endpoints: [],
          flows: [],
          established: [],
          notes: [],
          ...live,
        },
      },
    },
    options,
  )

test('a line for each connection: which in the order of beginnings, when, who, whom, by whom it was served, what became of it', () => {
  const line = (more: Partial<LiveFlow>): string => renderLive({ kind: 'flow', flow: { ...flow, ...more } }, options)
  assert.equal(
    line({}),
    '   7  19:40:01.123456  100.96.1.2:41000 -> 100.64.0.23:80 -> 100.96.1.3:8080 (near)  delivered  0.4 ms\n',
  )
  assert.match(line({ verdict: 'no-answer', ms: 4000, tries: 3 }), / {2}no answer {2}4000 ms, sent 3 times\n$/)
})

test('the account says how many there were, how they went, and who got how many', () => {
  const text = summary({
    begun: 23_411,
    followed: 1000,
    verdicts: { delivered: 998, refused: 2 },
    answeredMs: { least: 0.2, median: 0.4, most: 12 },
    endpoints: [
      { endpoint: '100.96.1.3:8080', pod: 'shop/near', count: 700 },
      { endpoint: '100.96.2.2:8080', pod: 'shop/far', count: 300 },
    ],
    notes: ['there were more'],
  })
  assert.equal(
    text,
    `
1,000 of 23,411 connections followed in 10 s; 998 delivered, 2 refused; answered within 0.2 ms to 12 ms, half of them within 0.4 ms
  700  100.96.1.3:8080  shop/near
  300  100.96.2.2:8080  shop/far

note
  there were more
`,
  )
})

test('a short watch lasted some time, too', () => {
  const of = (seconds: number): string => summary({ seconds, begun: 2, followed: 2, verdicts: { delivered: 2 } })
  assert.match(of(0.043), /^\n2 connections followed in 43 ms; 2 delivered\n$/)
  assert.match(of(0.1), /followed in 0\.1 s;/)
  assert.match(of(30), /followed in 30 s;/)
})

test('where nothing began, what stands is shown, or a hint where to look', () => {
  assert.match(
    summary({}),
    /^\nnothing began in 10 s\n {2}and nothing stands between the two: does the application run/,
  )
  const stands = { src: '1.1.1.1:9', dst: '2.2.2.2:80', servedBy: '3.3.3.3:8080' }
  assert.match(
    summary({ established: [{ ...stands, packetsOut: 12, packetsIn: 11, bytesOut: 3400, bytesIn: 9, idleMs: 2000 }] }),
    /one stood already and goes on.*\n {4}1\.1\.1\.1:9 -> 2\.2\.2\.2:80 -> 3\.3\.3\.3:8080 {2}12 packets out, 11 in, 3,400 bytes out, 9 in, idle for 2\.0 s\n/,
  )
  assert.match(summary({ established: [{ ...stands, forgottenInSeconds: 20 }] }), / {2}forgotten in 20 s\n/)
})
