import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../api/objects/service.ts'
import { address } from '../base/address.ts'
import type { Case } from '../trace/case.ts'
import { parseTarget } from '../trace/ask/target.ts'
import { type Told, tell } from '../trace/tell/tell.ts'
import { told } from '../trace/testing/across.ts'
import { diagnosisOf } from './diagnosis.ts'
import { explain } from './explain.ts'
import { renderDiagnosis } from './render/text.ts'
import type { View } from './types.ts'

/** The recorded request, refused: a port that the service has not. In another namespace a service has a wrong selector. */
const lonely: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'lonely', namespace: 'other' },
  spec: { clusterIP: '100.64.0.99', selector: { app: 'nobody' }, ports: [{ port: 80 }] },
}
const cluster = { ...told.cluster, services: [...told.cluster.services, lonely] }
const wrongPort: Told = {
  ...told,
  cluster,
  observations: [],
  target: parseTarget('http://web:8080/'),
  to: { address: address('100.64.0.20'), port: 8080 },
  result: { kind: 'sent', outcome: 'refused', ms: 1 },
}

function caseOf(of: Told): { request: Case; why: string[] } {
  let request: Case | undefined
  const { why } = tell(of, (one) => {
    request = one
    return explain(one)
  })
  assert.ok(request)
  return { request, why: why.map(({ code }) => code) }
}

test('a request is told what it met, and nothing of what it never came near', () => {
  const { why } = caseOf(wrongPort)
  assert.ok(why.includes('NoSuchPort'), why.join())
  assert.ok(!why.includes('SelectorMatchesNothing'), why.join())
})

test('a node that is asked is no service of which its address is an external IP by other ports', () => {
  const node = '192.168.50.12'
  const edge: Service = { ...lonely, spec: { ...lonely.spec, externalIPs: [node] } }
  const asked = (port: number): string[] =>
    caseOf({
      ...wrongPort,
      cluster: { ...told.cluster, services: [...told.cluster.services, edge] },
      target: parseTarget(`tcp://${node}:${port}`),
      to: { address: address(node), port },
    }).why
  assert.ok(!asked(9999).includes('SelectorMatchesNothing'), asked(9999).join())
  assert.ok(asked(80).includes('SelectorMatchesNothing'), asked(80).join())
})

test('of a request the doctor tells first what it met, wherever that is, and then the rest', () => {
  const { request } = caseOf(wrongPort)
  const view: View = { cluster, ranges: told.ranges, machines: [], request, now: Date.now() }
  const all = diagnosisOf(view, [])
  assert.equal(all.findings[0]?.code, 'NoSuchPort')
  assert.equal(all.findings[all.aboutRequest]?.code, 'SelectorMatchesNothing')
  assert.equal(all.findings.length, all.aboutRequest + 1)
  // Asked for one namespace, what the request met in another one still counts.
  const other = diagnosisOf({ ...view, namespace: 'other' }, [])
  assert.deepEqual([other.findings[0]?.code, other.findings.at(-1)?.code], ['NoSuchPort', 'SelectorMatchesNothing'])
  const shop = diagnosisOf({ ...view, namespace: 'shop' }, [])
  assert.ok(!shop.findings.some(({ code }) => code === 'SelectorMatchesNothing'))
})

test('what stands apart from the request is marked in the text', () => {
  const { request } = caseOf(wrongPort)
  const trace = tell(wrongPort)
  const found = diagnosisOf({ cluster, machines: [], request, now: Date.now() }, [], trace)
  const text = renderDiagnosis(found, { width: 80, color: false, verbose: false })
  assert.match(
    text,
    /^shop\/client -> http:\/\/web:8080\/.*\nerror {2}service shop\/web.*\nbesides, not of this request \(-v: in full\):\n {2}error {2}service other\/lonely/s,
  )
})
