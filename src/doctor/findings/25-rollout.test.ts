import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from '../../api/objects/workload.ts'
import type { Container, PodSpec } from '../../api/objects/pod.ts'
import type { View } from '../types.ts'
import { check } from './25-rollout.ts'
import { service, view } from './testing.ts'
import type { Case } from '../../trace/case.ts'
import { type Told, tell } from '../../trace/tell/tell.ts'
import { packets, told } from '../../trace/testing/across.ts'

const probe = { readinessProbe: { tcpSocket: { port: 8080 } } }
const main: Container = { name: 'main', ports: [{ containerPort: 8080 }] }
const deployment = (spec: Partial<Deployment['spec']>, pod: Partial<PodSpec> = {}): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [main], ...pod } },
    ...spec,
  },
})
const of = (one: Deployment, more = {}): View => view({ cluster: { deployments: [one], ...more } })
const codes = (one: View): string[] => check.find(one).map(({ code }) => code)

test('a deployment that kills its pods, or takes all down at once, is told with what to change', () => {
  const strategy = { rollingUpdate: { maxUnavailable: '100%' } }
  const [found, ...others] = check.find(of(deployment({ strategy }, { terminationGracePeriodSeconds: 0 })))
  assert.deepEqual(others, [])
  assert.equal(found?.code, 'RolloutCutsOff')
  assert.deepEqual(found.object, { kind: 'Deployment', namespace: 'shop', name: 'web' })
  assert.match(
    found.say,
    /kills its pods at once .*; it takes all 3 pods down at once \(maxUnavailable 100%\); it counts a new pod as ready/,
  )
  assert.deepEqual(found.patch?.body, {
    spec: {
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%' } },
      template: {
        spec: {
          terminationGracePeriodSeconds: 30,
          containers: [{ name: 'main', readinessProbe: { tcpSocket: { port: 8080 } } }],
        },
      },
    },
  })
})

test('a probe that is there is left alone, and a port that is not known is not invented', () => {
  const probed = check.find(
    of(deployment({}, { terminationGracePeriodSeconds: 0, containers: [{ ...main, ...probe }] })),
  )
  assert.deepEqual(probed[0]?.patch?.body, { spec: { template: { spec: { terminationGracePeriodSeconds: 30 } } } })
  const named = service('web', { ports: [{ port: 80, targetPort: 'http' }] })
  const unknown = check.find(
    of(deployment({}, { terminationGracePeriodSeconds: 0, containers: [{ name: 'main' }] }), { services: [named] }),
  )
  assert.deepEqual(unknown[0]?.patch?.body, { spec: { template: { spec: { terminationGracePeriodSeconds: 30 } } } })
})

test('rounding and strategies are the deployment controller’s', () => {
  const rows: [string, Deployment, number][] = [
    ['the defaults', deployment({}), 0],
    ['25% of one is none', deployment({ replicas: 1 }), 0],
    ['no readinessProbe alone', deployment({}), 0],
    ['all of them, as a number', deployment({ strategy: { rollingUpdate: { maxUnavailable: 3 } } }), 1],
    ['most of them', deployment({ strategy: { rollingUpdate: { maxUnavailable: '99%' } } }), 0],
    ['Recreate', deployment({ strategy: { type: 'Recreate' } }), 1],
    ['Recreate of a single pod is a choice', deployment({ replicas: 1, strategy: { type: 'Recreate' } }), 0],
    ['nothing runs', deployment({ replicas: 0 }, { terminationGracePeriodSeconds: 0 }), 0],
    ['a short grace', deployment({}, { terminationGracePeriodSeconds: 1 }), 0],
  ]
  for (const [title, one, count] of rows) assert.equal(check.find(of(one)).length, count, title)
})

test('who serves nobody may end as it likes', () => {
  const abrupt = deployment({}, { terminationGracePeriodSeconds: 0 })
  assert.deepEqual(codes(of(abrupt, { services: [] })), [])
  assert.deepEqual(codes(of(abrupt, { services: [service('other')] })), [])
  assert.deepEqual(codes(of(abrupt, { services: [service('web', { selector: {} })] })), [])
})

/** The recorded request to service shop/web and its pod far, refused; `deleted`: seconds before it. */
function refusedBy(deleted: number | undefined): Case {
  const sent = Number(BigInt(packets[0]?.time ?? 0) / 1_000_000n)
  const going = {
    deletionTimestamp: new Date(sent - (deleted ?? 0) * 1000 + 30_000).toISOString(),
    deletionGracePeriodSeconds: 30,
  }
  const pods = told.cluster.pods.map((pod) =>
    pod.metadata.name === 'far' && deleted !== undefined ? { ...pod, metadata: { ...pod.metadata, ...going } } : pod,
  )
  let request: Case | undefined
  const of: Told = { ...told, cluster: { ...told.cluster, pods }, result: { kind: 'sent', outcome: 'refused', ms: 1 } }
  tell(of, (one) => {
    request = one
    return []
  })
  assert.ok(request)
  return request
}

test('a request that met a pod on its way out has both on one time line', () => {
  const request = refusedBy(2)
  const [found, ...others] = check.find({ ...view(), cluster: request.cluster, request })
  assert.deepEqual(others, [])
  assert.equal(found?.code, 'EndedWhileServing')
  assert.deepEqual(found.object, { kind: 'Pod', namespace: 'shop', name: 'far' })
  assert.match(
    found.say,
    /^pod shop\/far was being ended when the request was sent to it \(2\.0 s after its deletion\)/,
  )
  assert.deepEqual(
    found.evidence.map(({ text }) => text),
    ['0.0 s: deletion of pod shop/far, with 30 s to end', '2.0 s: the request, sent to 100.96.2.2:8080'],
  )
  const staying = refusedBy(undefined)
  assert.deepEqual(check.find({ ...view(), cluster: staying.cluster, request: staying }), [])
})
