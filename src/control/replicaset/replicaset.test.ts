import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Plan } from '../action.ts'
import { agents, cluster, manualClock, object, start, sorted } from '../testing.ts'
import { shelves } from '../view.ts'
import { replicaSets } from './replicaset.ts'

const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'host' }] } }
const spec = { replicas: 2, selector: { matchLabels: { app: 'web' } }, template }
const set = object('ReplicaSet', 'web', { spec })
const owner = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: 'web',
  uid: 'uid-web',
  controller: true,
  blockOwnerDeletion: true,
}
const mine = { labels: { app: 'web' }, ownerReferences: [owner] }
const pod = (name: string, metadata: object, rest: object = {}) =>
  object('Pod', name, { metadata, spec: { containers: [] }, ...rest })

const planned = (...objects: Parameters<typeof shelves>[0][]): Plan =>
  replicaSets.desired('default/web', shelves(objects.flatMap((some) => [...(some ?? [])])), start) as Plan
const said = ({ actions }: Plan): string[] =>
  actions.map((action) =>
    `${action.do} ${'kind' in action ? action.kind : ''} ${'name' in action ? action.name : ''}`.trim(),
  )

test('a set makes what is missing, adopts what fits, and lets go what does not', () => {
  const rows: [string, Parameters<typeof object>[2][] | ReturnType<typeof pod>[], string[]][] = [
    ['nothing there', [], ['patch ReplicaSet web', 'create Pod', 'create Pod']],
    ['one too few', [pod('a', mine)], ['patch ReplicaSet web', 'create Pod']],
    ['enough', [pod('a', mine), pod('b', mine)], ['patch ReplicaSet web']],
    [
      'one too many',
      [
        pod('a', mine, { status: { phase: 'Running' } }),
        pod('b', mine),
        pod('c', mine, { status: { phase: 'Running' } }),
      ],
      ['patch ReplicaSet web', 'delete Pod b'],
    ],
    [
      'an orphan is adopted',
      [pod('a', mine), pod('b', { labels: { app: 'web' } })],
      ['patch Pod b', 'patch ReplicaSet web'],
    ],
    [
      'a pod whose label was changed is let go and replaced',
      [pod('a', mine), pod('b', { ...mine, labels: { app: 'x' } })],
      ['patch Pod b', 'patch ReplicaSet web', 'create Pod'],
    ],
    [
      "another's pod is left alone",
      [pod('a', mine), pod('b', { labels: { app: 'web' }, ownerReferences: [{ ...owner, uid: 'other' }] })],
      ['patch ReplicaSet web', 'create Pod'],
    ],
    [
      'an ended pod is replaced',
      [pod('a', mine), pod('b', mine, { status: { phase: 'Failed' } })],
      ['patch ReplicaSet web', 'create Pod'],
    ],
    [
      'a terminating pod too',
      [pod('a', mine), pod('b', { ...mine, deletionTimestamp: '2026-01-01T00:00:00Z' })],
      ['patch ReplicaSet web', 'create Pod'],
    ],
  ]
  for (const [what, pods, expected] of rows)
    assert.deepEqual(said(planned([set], pods as ReturnType<typeof pod>[])), expected, what)
})

test('a set on its way out neither makes nor adopts', () => {
  const leaving = object('ReplicaSet', 'web', { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' }, spec })
  assert.deepEqual(said(planned([leaving], [pod('a', { labels: { app: 'web' } })])), ['patch ReplicaSet web'])
})

test('a pod is available only after minReadySeconds, and the set looks again at that very moment', () => {
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2025-12-31T23:59:57Z' }]
  const slow = object('ReplicaSet', 'web', { spec: { ...spec, replicas: 1, minReadySeconds: 10 } })
  const plan = planned([slow], [pod('a', mine, { status: { phase: 'Running', conditions } })])
  assert.equal(plan.again, 7000)
  const [status] = plan.actions
  assert.ok(status?.do === 'patch')
  assert.deepEqual(status.patch, { status: { replicas: 1, fullyLabeledReplicas: 1, readyReplicas: 1 } })
})

test('a set of 300 never overshoots, shrinks to 1, and its events say so', async (t) => {
  const clock = manualClock()
  const lab = await cluster(t, { clock })
  agents(lab.client)
  for (let i = 1; i <= 3; i++) await lab.node(`node${i}`)
  let most = 0
  const held = new Set<string>()
  lab.client.follow('Pod', {
    onChange({ type, object: one }) {
      if (type === 'deleted') held.delete(one.metadata.name)
      else held.add(one.metadata.name)
      most = Math.max(most, held.size)
    },
  })
  await lab.client.create('ReplicaSet', {
    metadata: { name: 'web', namespace: 'default' },
    spec: { ...spec, replicas: 300 },
  })
  await lab.until('ReplicaSet', ([one]) => one?.status?.availableReplicas === 300)
  assert.equal(most, 300)
  const perNode = new Map<string, number>()
  for (const one of await lab.all('Pod'))
    perNode.set(one.spec.nodeName ?? '', (perNode.get(one.spec.nodeName ?? '') ?? 0) + 1)
  assert.deepEqual([...perNode.values()], [100, 100, 100])
  await lab.client.patch('ReplicaSet', 'web', 'default', { spec: { replicas: 1 } })
  await lab.until('Pod', (pods) => pods.length === 1)
  await lab.until('ReplicaSet', ([one]) => one?.status?.replicas === 1 && one.status.observedGeneration === 2)
  await lab.settle()
  const reasons = new Set(
    (await lab.all('Event')).filter((event) => event.involvedObject.kind === 'ReplicaSet').map((event) => event.reason),
  )
  assert.deepEqual(sorted(reasons), ['SuccessfulCreate', 'SuccessfulDelete'])
})
