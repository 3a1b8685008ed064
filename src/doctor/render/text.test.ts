import assert from 'node:assert/strict'
import { test } from 'node:test'
import { renderTrace } from '../../trace/render/text.ts'
import { authors, reasonsOf } from '../../trace/render/why.ts'
import type { Trace } from '../../trace/types.ts'
import type { Diagnosis } from '../diagnosis.ts'
import { check as whichHop } from '../findings/21-which-hop.ts'
import type { Finding } from '../types.ts'
import { renderIdle } from './idle.ts'
import { renderDiagnosis } from './text.ts'

const plain = { width: 80, color: false, verbose: false }
const finding = (code: string, level: Finding['level'], number = 1): Finding => ({
  number,
  code,
  level,
  object: { kind: 'Service', namespace: 'shop', name: code.toLowerCase() },
  sure: 'certain',
  evidence: [{ kind: 'object', text: `evidence of ${code}` }],
  say: `say ${code}`,
  fix: `fix ${code}`,
})
const wrong = finding('NoSuchPort', 'error', 7)
const author = finding('SaidNo', 'info', 21)
const request: Trace = {
  from: 'shop/client',
  to: 'http://web:81/',
  protocol: 'http',
  verdict: 'rejected',
  dns: [],
  ms: 1,
  hops: [],
  reply: [],
  predicted: [],
  agrees: true,
  why: [wrong, author],
}
const diagnosis = (findings: Finding[], aboutRequest: number): Diagnosis => ({
  looked: { services: 1, pods: 1, nodes: 1, machines: 2 },
  checks: [],
  findings,
  aboutRequest,
  early: [],
  untold: [],
  request,
})

test('who said no is left out where an error says why, never where it is the only reason', () => {
  assert.deepEqual(reasonsOf([wrong, author]), [wrong])
  assert.deepEqual(reasonsOf([author]), [author])
  assert.deepEqual(reasonsOf([finding('MtuDiffers', 'warning'), author]).length, 2)
  // Of level "error", the same code is why.
  const unsent = finding('NotSent', 'error')
  assert.deepEqual(reasonsOf([unsent, author]), [unsent])
  assert.deepEqual(authors, whichHop.codes)
})

test('a trace tells one reason; -v tells who said so as well', () => {
  const told = renderTrace(request, plain)
  assert.match(told, /\nwhy\n {2}say NoSuchPort\n {2}-> fix NoSuchPort\n$/)
  assert.match(renderTrace(request, { ...plain, verbose: true }), /say NoSuchPort[^]*say SaidNo/)
  assert.match(renderTrace({ ...request, why: [author] }, plain), /\nwhy\n {2}say SaidNo\n/)
})

test('what is wrong elsewhere is a line each below the answer; in full with -v', () => {
  const besides = [finding('HotPod', 'warning'), { ...finding('Other', 'error'), say: 'x'.repeat(200) }]
  const found = diagnosis([wrong, author, ...besides], 2)
  const text = renderDiagnosis(found, plain)
  assert.match(
    text,
    /mistake 7; certain[^\n]*\n\nbesides, not of this request \(-v: in full\):\n {2}warning {2}service shop\/hotpod: say HotPod\n {2}error {2}service shop\/other: x+…\n\nlooked at/,
  )
  for (const line of text.split('\n')) assert.ok(line.length <= 80, line)
  assert.doesNotMatch(text, /SaidNo|evidence of HotPod/)
  const all = renderDiagnosis(found, { ...plain, verbose: true })
  assert.match(all, /say SaidNo[^]*besides, not of this request:\n\nwarning[^]*evidence of HotPod[^]*fix HotPod/)
})

test('what only the trace knows of FROM and TO is told with it, and is reason enough', () => {
  const note = { code: 'OutsideNames', level: 'error', say: 'say OutsideNames', fix: 'fix OutsideNames' } as const
  const found = diagnosis([author], 1)
  const text = renderDiagnosis({ ...found, request: { ...request, why: [note, author] } }, plain)
  assert.match(text, /\nwhy\n {2}say OutsideNames\n {2}-> fix OutsideNames\n\nlooked at/)
  const alone = renderDiagnosis({ ...found, request: { ...request, why: [author] } }, plain)
  assert.match(alone, /say SaidNo[^]*mistake 21/)
  assert.doesNotMatch(alone, /\nwhy\n/)
})

test('an object is named once in such a line', () => {
  const say = 'service shop/hotpod has one pod for all'
  const text = renderDiagnosis(diagnosis([wrong, { ...finding('HotPod', 'error'), say }], 1), plain)
  assert.match(text, /\n {2}error {2}service shop\/hotpod has one pod for all\n/)
})

test('checks that did not run are counted, with what would run them', () => {
  const lacking = (number: number, because: string) => ({ number, title: `title ${number}`, ran: false, because })
  const asks = [5, 6].map((one) => lacking(one, 'needs a request: --for FROM TO'))
  const later = lacking(8, 'this version enforces nothing')
  assert.deepEqual(renderIdle([...asks, later], true, false), [
    '2 more checks need a request: kubehop doctor --for FROM TO; kubehop doctor --list names all',
    '1 more check finds nothing: this version enforces nothing',
  ])
  assert.deepEqual(renderIdle(asks, false, false), [
    '2 more checks need a request, which only a lab can send; kubehop doctor --list names all',
  ])
  assert.deepEqual(renderIdle([lacking(3, 'needs agents on the nodes')], false, true), [
    '1 more check needs agents on the nodes',
    '   3  title 3',
  ])
  assert.deepEqual(renderIdle([{ number: 1, title: '', ran: true }], true, false), [])
  // One that ran in part ran: it is no check more.
  const partly = [{ ...lacking(18, 'needs a request: --for FROM TO'), ran: true }]
  assert.deepEqual(renderIdle(partly, true, false), [])
  assert.deepEqual(renderIdle(partly, true, true), [
    '1 check ran in part: the rest needs a request: kubehop doctor --for FROM TO',
    '  18  title 18',
  ])
})
