import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, Probe } from '../../api/objects/pod.ts'
import type { ReplicaSet } from '../../api/objects/workload.ts'
import { check } from './04-not-ready.ts'
import { now, pod, running, service, slice, view } from './testing.ts'

const since = new Date(now - 3000).toISOString()
const unready: Pod['status'] = { conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: since }] }
const controlled = (kind: string, name: string) => [
  { apiVersion: 'apps/v1', kind, name, uid: name, controller: true as const },
]
const sets: ReplicaSet[] = [
  {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: { name: 'web-1', namespace: 'shop', ownerReferences: controlled('Deployment', 'web') },
  } as unknown as ReplicaSet,
]
function probed(probe: Probe, ports: object[]) {
  const one = pod('web', {
    metadata: {
      name: 'web',
      namespace: 'shop',
      labels: { app: 'web' },
      ownerReferences: controlled('ReplicaSet', 'web-1'),
    },
    spec: { containers: [{ name: 'main', ports, readinessProbe: probe }] } as Partial<Pod['spec']>,
    status: { ...unready, containerStatuses: [{ ...running('main', 3), ready: false }] },
  })
  return check.find(view({ cluster: { pods: [one], slices: [slice('web', [])], replicaSets: sets } }))
}

test('a probe that names no port of its container is told at once, and patched where one can be meant', () => {
  const http = { name: 'http', containerPort: 8080 }
  const probe = (port: number | string): Probe => ({ httpGet: { port, path: '/' }, failureThreshold: 100 })
  const value = (of: ReturnType<typeof probed>): unknown => {
    const body = of[0]?.patch?.body as
      | { spec: { template: { spec: { containers: { readinessProbe: unknown }[] } } } }
      | undefined
    return body?.spec.template.spec.containers[0]?.readinessProbe
  }
  const slips = probed(probe('htpt'), [http, { name: 'metrics', containerPort: 9102 }])
  const [slip, ...more] = slips
  assert.deepEqual([slip?.code, slip?.early, more], ['NoReadyPod', false, []])
  assert.equal(slip?.field, 'spec.template.spec.containers[0].readinessProbe')
  assert.match(slip?.say ?? '', /asks a port "htpt", and the container has none of that name: it has http and metrics$/)
  assert.deepEqual(value(slips), { httpGet: { port: 'http' } })
  assert.deepEqual(value(probed({ tcpSocket: { port: 'web' } }, [http])), { tcpSocket: { port: 'http' } })
  const none = probed(probe('web'), [])
  assert.match(none[0]?.say ?? '', /has none of that name$/)
  assert.equal(none[0]?.patch, undefined)
  // A port that is there, or a number, has the time that the probe gives it.
  for (const port of ['http', 8080, '8080'])
    assert.deepEqual(
      probed(probe(port), [http]).map(({ early }) => early),
      [true],
    )
})

test('a container that has done its work makes a pod that is never started again no patient, unless a service misses it', () => {
  const statuses = [
    { ...running('prep'), ready: false, state: { terminated: { exitCode: 0 } } },
    running('main'),
  ] as NonNullable<Pod['status']>['containerStatuses']
  const batch = (restartPolicy: 'Always' | 'OnFailure' | 'Never', more: object = {}, labels = { job: 'batch' }) =>
    pod('batch', {
      metadata: { name: 'batch', namespace: 'shop', labels },
      spec: { restartPolicy, containers: [{ name: 'prep' }, { name: 'main' }] },
      status: { ...unready, containerStatuses: statuses ?? [], ...more },
    })
  const codes = (one: Pod, services = [service('web')]): string[] =>
    check.find(view({ cluster: { pods: [pod('web'), one], services } })).map(({ code }) => code)
  assert.deepEqual([codes(batch('Never')), codes(batch('OnFailure'))], [[], []])
  assert.deepEqual(codes(batch('Always')), ['PodNotReady'])
  assert.deepEqual(codes(batch('Never'), [service('jobs', { selector: { job: 'batch' } })]), ['NoReadyPod'])
  const waiting = [statuses?.[0], { ...running('main'), ready: false, state: { waiting: { reason: 'Creating' } } }]
  assert.deepEqual(codes(batch('Never', { containerStatuses: waiting })), ['PodNotReady'])
})
