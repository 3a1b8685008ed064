import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../api/objects/service.ts'
import { address } from '../../base/address.ts'
import type { Case } from '../../trace/case.ts'
import { parseTarget } from '../../trace/ask/target.ts'
import { type Told, tell } from '../../trace/tell/tell.ts'
import { told } from '../../trace/testing/across.ts'
import type { DnsStep } from '../../trace/types.ts'
import { check } from './05-name.ts'
import { check as nameServer } from './26-name-server.ts'
import type { Check } from '../types.ts'

const inSpace = (namespace: string, name = 'ledger'): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace },
  spec: { clusterIP: '100.64.0.99', ports: [{ port: 80 }] },
})
const step = (question: string, rcode = 'NXDOMAIN'): DnsStep => ({
  question,
  type: 'A',
  server: address('100.64.0.10'),
  rcode,
  answers: [],
  ms: 1,
})

function found(check: Check, name: string, change: Partial<Told> = {}) {
  const { cluster } = told
  const of: Told = {
    ...told,
    target: parseTarget(`http://${name}/`),
    dns: [step(`${name}.shop.svc.cluster.local.`), step(`${name}.svc.cluster.local.`)],
    to: undefined,
    port: 0,
    observations: [],
    result: undefined,
    ...change,
  }
  let request: Case | undefined
  tell(of, (one) => {
    request = one
    return []
  })
  assert.ok(request)
  const [first] = check.find({ cluster, machines: [], now: 0, ...(request && { request }) })
  return first
}
const among = (...spaces: string[]): Pick<Told, 'cluster'> => ({
  cluster: { ...told.cluster, services: [...told.cluster.services, ...spaces.map((one) => inSpace(one))] },
})

test('a name that is in many namespaces names three of them, in natural order, once', () => {
  const spaces = Array.from({ length: 14 }, (_, at) => `team${14 - at}`)
  const many = found(check, 'ledger', among(...spaces))
  assert.equal(
    many?.say,
    'nothing is called "ledger" for a pod in namespace shop; a service ledger is in team1, team2, team3 and 11 more',
  )
  assert.equal(many.fix, 'write ledger.NAMESPACE with the one that is meant: kubectl get services -A has all')
  const few = found(check, 'ledger', among('b', 'a'))
  assert.equal(few?.fix, 'write ledger.a or ledger.b')
})

test('a namespace that is nearly one is told first, and the sender’s own needs no namespace', () => {
  assert.match(found(check, 'ledger.teem2', among('a', 'team2', 'team10'))?.say ?? '', /is in team2, a and team10$/)
  assert.equal(found(check, 'web.nowhere')?.fix, 'write web')
  // Nobody's namespace is in a name of the world outside.
  const outside = found(check, 'ledger.example.com', among('a'))
  assert.equal(outside?.code, 'NameOutside')
  assert.match(outside.say, /its DNS asks nobody outside of it until its configuration names a server$/)
  assert.match(outside.fix, /^let it ask one: forward in `up --dns-config FILE` \(docs\/dns\.md\)/)
})

test('what was asked is told in short: the trace has each question', () => {
  assert.deepEqual(found(check, 'wbe')?.evidence, [
    {
      kind: 'packet',
      text: 'wbe.shop.svc.cluster.local., the first of 2 names, asked of 100.64.0.10: NXDOMAIN',
    },
  ])
})

test('who is no pod is in no namespace, and has no pod’s resolv.conf', () => {
  const { pod: _, ...rest } = told.source
  const source = { ...rest, kind: 'node', key: 'node1', node: 'node1' } as const
  const { cluster } = among('a')
  const dns = { ...inSpace('kube-system', 'dns'), spec: { clusterIP: '100.64.0.10' } }
  const asked = { source, cluster: { ...cluster, services: [...cluster.services, dns] } }
  const elsewhere = found(check, 'ledger', asked)
  assert.equal(elsewhere?.say, 'nothing is called "ledger" at node1; a service ledger is in a')
  assert.equal(elsewhere.fix, 'write ledger.a.svc.cluster.local')
  assert.equal(found(check, 'ledger.a.svc.cluster.local', asked)?.code, 'NameNotServed')
  const silent = { dns: [step('ledger', 'TIMEOUT')] }
  assert.equal(found(nameServer, 'ledger', { ...asked, ...silent })?.fix, 'look at the /etc/resolv.conf of node1')
  assert.equal(found(nameServer, 'ledger', silent)?.fix, 'look at the /etc/resolv.conf of pod shop/client')
})

test('a slip is found in a whole name, too, with what is meant as the sender would write it', () => {
  const own = told.cluster
  const many = {
    cluster: { ...own, services: [...own.services, ...['live', 'test'].map((one) => inSpace(one, 'web'))] },
  }
  const rows: [string, string, Partial<Told>][] = [
    ['wbe', 'did you mean web?', many],
    ['wbe.shop', 'did you mean web?', many],
    ['wbe.shop.svc.cluster.local', 'did you mean web?', {}],
    ['web.shop.svc.cluster.locl', 'did you mean web?', {}],
    ['wbe.live.svc.cluster.local.', 'did you mean web.live?', many],
    ['ledgr', 'did you mean ledger.a or ledger.b?', among('a', 'b')],
  ]
  for (const [name, fix, change] of rows) {
    const one = found(check, name, { dns: [step(name)], ...change })
    assert.deepEqual([one?.code, one?.fix], ['NameUnknown', fix], name)
  }
  const spaces = ['alpha', 'beta', 'gamma', 'delta', 'epsilon']
  assert.equal(found(check, 'ledger.gama', among(...spaces))?.fix, 'write ledger.gamma')
})

test('a pod below a headless service that does not say its name, and one that is not there', () => {
  const headless: Service = {
    ...inSpace('shop', 'db'),
    spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [] },
  }
  const [client] = told.cluster.pods
  assert.ok(client)
  const member = (spec: object) => ({
    ...client,
    metadata: { name: 'db-0', namespace: 'shop', labels: { app: 'db' } },
    spec: { ...client.spec, ...spec },
  })
  const having = (spec: object): Partial<Told> => ({
    cluster: { ...told.cluster, services: [...told.cluster.services, headless], pods: [client, member(spec)] },
  })
  for (const name of ['db-0.db', 'db-0.db.shop.svc.cluster.local']) {
    const nameless = found(check, name, having({}))
    assert.deepEqual([nameless?.code, nameless?.also?.[0]?.name], ['NameOfPod', 'db-0'])
    assert.equal(
      nameless?.fix,
      'give the pod hostname: db-0 and subdomain: db (a StatefulSet with serviceName: db does)',
    )
  }
  const another = found(check, 'db-7.db', having({ hostname: 'db-0', subdomain: 'db' }))
  assert.match(another?.say ?? '', /the headless service shop\/db has no pod of that name; it has db-0$/)
})
