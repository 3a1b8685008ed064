import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from '../../api/objects/workload.ts'
import type { View, Workload } from '../types.ts'
import { check } from './01-selector.ts'
import { check as policyCheck } from './10-policy.ts'
import { now, pod, service, slice, view } from './testing.ts'

const long = { creationTimestamp: new Date(now - 3_600_000).toISOString() }
const fresh = { creationTimestamp: new Date(now - 2000).toISOString() }
const selecting = (selector: Record<string, string>, metadata: object = long) => {
  const one = service('web', { selector })
  return { ...one, metadata: { ...one.metadata, ...metadata } }
}
const labelled = (name: string, labels: Record<string, string>, namespace = 'shop') =>
  pod(name, { metadata: { name, namespace, labels } })
const found = (cluster: Partial<View['cluster']>, rest: Partial<View> = {}) =>
  check.find(view({ ...rest, cluster: { slices: [], ...cluster } }))
const patches = (of: ReturnType<typeof found>) => of.map(({ patch }) => patch?.body)

function deployment(replicas: number, labels: Record<string, string>, metadata: object = long): Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'shop', ...metadata },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [] } } },
  }
}

test('the label that is near is named, and patched only where nothing else can be meant', () => {
  const rows: [string, Record<string, string>[], Record<string, string>, RegExp, unknown][] = [
    ['a value', [{ app: 'web' }], { app: 'wbe' }, /app=web: is that meant/, { app: 'web' }],
    ['two values', [{ app: 'web1' }, { app: 'web2' }], { app: 'web3' }, /app=web1 or app=web2/, undefined],
    ['none near', [{ app: 'store' }, { app: 'api' }], { app: 'web' }, /^pods here have app=api, app=store$/, undefined],
    [
      'a key',
      [{ 'app.kubernetes.io/name': 'web' }],
      { app: 'web' },
      /label "app\.kubernetes\.io\/name"/,
      { app: null, 'app.kubernetes.io/name': 'web' },
    ],
    [
      'one of two',
      [
        { app: 'web', tier: 'front' },
        { app: 'api', tier: 'back' },
      ],
      { app: 'web', tier: 'frontend' },
      /tier=front: is that meant/,
      { tier: 'front' },
    ],
    ['nothing alike', [{ x: 'y' }], { app: 'web' }, /make the labels/, undefined],
    ['no pod', [], { app: 'web' }, /no pod in namespace shop at all/, undefined],
  ]
  for (const [title, labels, selector, fix, change] of rows) {
    const pods = labels.map((one, at) => labelled(`p${at}`, one))
    const [first, ...more] = found({ services: [selecting(selector)], pods })
    assert.equal(first?.code, 'SelectorMatchesNothing', title)
    assert.deepEqual(more, [], title)
    assert.match(first.fix, fix, title)
    assert.deepEqual(first.patch?.body, change && { spec: { selector: change } }, title)
    assert.equal(first.early, false, title)
  }
})

test('pods of another namespace that would match are named, and the selector is right', () => {
  const [one] = found({ services: [selecting({ app: 'web' })], pods: [labelled('web', { app: 'web' }, 'live')] })
  assert.match(one?.fix ?? '', /are in namespace live, and only those of its own namespace shop/)
  assert.equal(one?.patch, undefined)
})

test('what is scaled to 0 on purpose is no error; what makes no pods says why', () => {
  const services = [selecting({ app: 'web' })]
  const asleep = found({ services, pods: [], deployments: [deployment(0, { app: 'web' })] })
  assert.deepEqual(
    asleep.map(({ code, level, fix }) => [code, level, fix]),
    [['ScaledToZero', 'info', 'kubectl -n shop scale deployment web --replicas=1']],
  )
  const failing = {
    ...deployment(2, { app: 'web' }),
    status: { conditions: [{ type: 'ReplicaFailure', status: 'True' as const, message: 'exceeded quota' }] },
  }
  const [quota] = found({ services, pods: [], deployments: [failing] })
  assert.deepEqual([quota?.code, quota?.early], ['PodsNotMade', false])
  assert.match(quota?.say ?? '', /shall have 2 and has made none: exceeded quota$/)
  const [starting] = found({ services, pods: [], deployments: [deployment(2, { app: 'web' }, fresh)] })
  assert.equal(starting?.early, true)
  // Recreate, or scaled up again: between old pods and new ones there may be none.
  const ago = (seconds: number): string => new Date(now - seconds * 1000).toISOString()
  const busy = (status: Deployment['status'], generation = 1): unknown => {
    const one = deployment(2, { app: 'web' })
    const deployments = [{ ...one, metadata: { ...one.metadata, generation }, status }] as Deployment[]
    return found({ services, pods: [], deployments }).map(({ code, early }) => `${code} ${early}`)
  }
  const progressing = { type: 'Progressing', status: 'True' } as const
  assert.deepEqual(busy({ observedGeneration: 1 }, 2), ['PodsNotMade true'])
  assert.deepEqual(busy({ conditions: [{ ...progressing, lastUpdateTime: ago(2) }] }), ['PodsNotMade true'])
  assert.deepEqual(busy({ observedGeneration: 2, conditions: [{ ...progressing, lastUpdateTime: ago(60) }] }, 2), [
    'PodsNotMade false',
  ])
  const { status: _, ...zero } = deployment(0, { app: 'web' })
  const set: Workload = { ...zero, kind: 'StatefulSet' }
  assert.equal(found({ services, pods: [] }, { workloads: [set] })[0]?.code, 'ScaledToZero')
  const { spec, metadata } = deployment(1, { app: 'web' })
  const nowhere = { apiVersion: 'apps/v1', kind: 'DaemonSet', metadata, spec, status: { desiredNumberScheduled: 0 } }
  assert.match(found({ services, pods: [] }, { workloads: [nowhere] })[0]?.say ?? '', /daemonset web fits no node$/)
})

test('pods of a CronJob come and go: their service and their policy are no mistakes in between', () => {
  const { metadata, spec } = deployment(1, { app: 'web' })
  const cron: Workload = { apiVersion: 'batch/v1', kind: 'CronJob', metadata, spec: { template: spec.template } }
  const between = { services: [selecting({ app: 'web' })], pods: [] }
  const [one, ...others] = found(between, { workloads: [cron] })
  assert.deepEqual([one?.code, one?.level, others], ['ScaledToZero', 'info', []])
  assert.match(one?.say ?? '', /has no pods: cronjob web is not running now$/)
  assert.match(one?.fix ?? '', /kubectl -n shop create job web-now --from=cronjob\/web$/)
  const policy = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'p', namespace: 'shop' },
  }
  const policies = [{ ...policy, spec: { podSelector: { matchLabels: { app: 'web' } } } }] as View['policies'] & object
  assert.deepEqual(policyCheck.find(view({ cluster: between, policies, workloads: [cron] })), [])
  assert.equal(policyCheck.find(view({ cluster: between, policies })).length, 1)
})

test('a service that was made a moment ago waits for its pods, unless its selector is a slip', () => {
  const services = [selecting({ app: 'web' }, fresh)]
  assert.equal(found({ services, pods: [] })[0]?.early, true)
  assert.equal(found({ services, pods: [labelled('p', { app: 'wbe' })] })[0]?.early, false)
})

test('who needs no pods of a selector is left alone', () => {
  const manual = { ...service('web'), spec: { ...service('web').spec, selector: {} } }
  const rows: [string, Parameters<typeof found>[0]][] = [
    ['slices by hand', { services: [manual], slices: [slice('web', ['192.0.2.1'])], pods: [] }],
    ['ExternalName', { services: [service('web', { type: 'ExternalName', externalName: 'a.example' })], pods: [] }],
    ['headless without a selector', { services: [service('web', { selector: {}, clusterIP: 'None' })], pods: [] }],
    [
      'pods that ended',
      { services: [selecting({ app: 'job' })], pods: [pod('job', { status: { phase: 'Succeeded' } })] },
    ],
    [
      'being deleted',
      { services: [selecting({ app: 'x' }, { ...long, deletionTimestamp: long.creationTimestamp })], pods: [] },
    ],
    [
      'pods just gone, slices not yet',
      { services: [selecting({ app: 'x' })], slices: [slice('web', ['100.96.1.2'])], pods: [] },
    ],
  ]
  for (const [title, cluster] of rows) assert.deepEqual(found(cluster), [], title)
  const [alone] = found({ services: [{ ...manual, metadata: { ...manual.metadata, ...long } }], pods: [] })
  assert.deepEqual([alone?.code, alone?.level], ['NoSelector', 'warning'])
})

test('the healthy cluster of the tests has nothing of this', () => {
  assert.deepEqual(patches(check.find(view())), [])
})

test('of a blue and a green Deployment that both fit, the one that shall have pods is the reason', () => {
  const labels = { app: 'web' }
  const named = (name: string, replicas: number) => deployment(replicas, labels, { ...long, name, namespace: 'shop' })
  const services = [selecting(labels)]
  const one = found({ services, pods: [], deployments: [named('blue', 0), named('green', 2)] })
  assert.deepEqual(
    one.map(({ code, also }) => [code, also?.[0]?.name]),
    [['PodsNotMade', 'green']],
  )
  const none = found({ services, pods: [], deployments: [named('blue', 0), named('green', 0)] })
  assert.deepEqual(
    none.map(({ code, also }) => [code, also?.[0]?.name]),
    [['ScaledToZero', 'blue']],
  )
})
