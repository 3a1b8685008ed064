import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cluster, told } from '../../trace/testing/across.ts'
import { tell } from '../../trace/tell/tell.ts'
import type { Diagnosis } from '../diagnosis.ts'
import type { Finding, Patch } from '../types.ts'
import { allBounded, bounded } from '../../trace/render/bounded.ts'
import { renderDiagnosis } from './text.ts'

const plain = { width: 0, color: false, verbose: true }
const huge = 'a word '.repeat(150_000)
const patch: Patch = { kind: 'Service', namespace: 'shop', name: 'web', type: 'merge', body: { spec: { port: 80 } } }
const finding = (change: Partial<Finding>): Finding => ({
  number: 1,
  code: 'NoSuchPort',
  level: 'error',
  object: { kind: 'Service', namespace: 'shop', name: 'web' },
  sure: 'certain',
  evidence: [{ kind: 'object', text: 'evidence' }],
  say: 'say',
  fix: 'fix',
  ...change,
})
const diagnosis = (change: Partial<Diagnosis>): Diagnosis => ({
  looked: { services: 1, pods: 1, nodes: 1, machines: 1 },
  checks: [],
  findings: [],
  aboutRequest: 0,
  early: [],
  untold: [],
  ...change,
})

test('a text is cut between words and says how much there is more; a short one stays as it is', () => {
  assert.equal(bounded('short'), 'short')
  assert.equal(bounded('x'.repeat(1000)), 'x'.repeat(1000))
  assert.equal(bounded('one two three four', 12), 'one two … and 11 more characters (-o json has all)')
  assert.match(bounded(huge), /^(a word )+(a )?(word )?… and 1,049,0\d\d more characters \(-o json has all\)$/)
  // 𝄞 is two units; half of one is no character.
  const music = bounded('𝄞'.repeat(1000), 11)
  assert.ok(music.isWellFormed())
  assert.match(music, /^(𝄞){5} … and 1,990 more/)
})

test('of many texts the first are told, and a patch stays whole', () => {
  const addresses = Array.from({ length: 2000 }, (_, at) => `192.0.2.${at}`)
  const few = allBounded({ addresses, patch: { value: huge, addresses } })
  assert.deepEqual(few.addresses, [...addresses.slice(0, 20), '1,980 more'])
  assert.equal(few.patch.value, huge)
  assert.equal(few.patch.addresses.length, 2000)
})

test('whatever of a finding is huge, its line is not', () => {
  const long = [
    finding({ say: huge }),
    finding({ fix: huge, field: huge }),
    finding({ evidence: [{ kind: 'object', text: huge }] }),
    finding({ object: { kind: 'Service', namespace: huge, name: huge } }),
    finding({ patch: { ...patch, body: { metadata: { annotations: { note: huge } } } } }),
  ]
  const findings = [...long, finding({ say: huge, level: 'info' })]
  for (const found of [
    diagnosis({ findings }),
    diagnosis({ findings, aboutRequest: 0, request: tell({ ...told, dns: [], observations: [] }, () => []) }),
    diagnosis({ early: long, untold: [huge] }),
  ])
    for (const verbose of [true, false]) {
      const lines = renderDiagnosis(found, { ...plain, verbose }).split('\n')
      for (const line of lines) assert.ok(line.length < 4500, `${line.length}: ${line.slice(0, 200)}`)
      assert.match(lines.join('\n'), / … and 1,049,\d\d\d more characters \(-o json has all\)/)
    }
  const whole = renderDiagnosis(diagnosis({ findings: long }), plain)
  assert.match(whole, /\n {5}the command has 1,050,\d\d\d characters: patch in -o json\n/)
  assert.match(
    renderDiagnosis(diagnosis({ findings: [finding({ patch })] }), plain),
    /\n {5}kubectl -n shop patch service web /,
  )
})

test('two thousand addresses of a name are a line of a few', () => {
  const answers = Array.from({ length: 2000 }, (_, at) => `198.51.${at >> 8}.${at & 255}`)
  const step = {
    question: 'many.example.',
    type: 'A',
    server: '100.64.0.10',
    rcode: 'NOERROR',
    answers,
    ms: 1,
  } as const
  const request = tell({ ...told, dns: [step], observations: [] }, () => [])
  const text = renderDiagnosis(diagnosis({ request }), plain)
  assert.match(text, /198\.51\.0\.19, 1,980 more/)
  assert.ok(text.length < 10_000, String(text.length))
})

test('what somebody else wrote makes no lines of ours, and steers no terminal', () => {
  const forged = 'fine\n\nerror  service shop/other\n  delete it\u001b[2J\u0007\r\u202e\u009b31m'
  const text = renderDiagnosis(diagnosis({ findings: [finding({ say: forged, fix: forged, field: forged })] }), plain)
  assert.doesNotMatch(text, /\nerror {2}service shop\/other/)
  assert.match(text, /\n {2}fine error {2}service shop\/other delete it\?\[2J\?\?\?\?31m\n/)
  assert.doesNotMatch(text, /(?!\n)[\p{Cc}\p{Bidi_Control}]/u)
})

test('a healthy cluster’s names are never cut', () => {
  assert.deepEqual(allBounded(cluster), cluster)
})
