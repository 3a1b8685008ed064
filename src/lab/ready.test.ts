import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '../api/objects/node.ts'
import type { ContainerStatus, Pod, PodStatus } from '../api/objects/pod.ts'
import type { Deployment } from '../api/objects/workload.ts'
import { readinessOf } from './ready.ts'

const node = (name: string, ready: 'True' | 'False'): Node => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  status: { conditions: [{ type: 'Ready', status: ready }] },
})
const pod = (name: string, status: PodStatus, labels = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels },
  spec: { containers: [] },
  status,
})
const deployment = (replicas: number, readyReplicas: number, observedGeneration = 1): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', generation: 1 },
  spec: { replicas, selector: { matchLabels: { app: 'web' } }, template: { spec: { containers: [] } } },
  status: { observedGeneration, readyReplicas, updatedReplicas: replicas },
})
const empty = { nodes: [], expectedNodes: 0, pods: [], deployments: [], wanted: [] }
const ready: PodStatus = { conditions: [{ type: 'Ready', status: 'True' }] }

test('nodes that are not Ready are waited for', () => {
  const { waiting, readyNodes } = readinessOf({
    ...empty,
    nodes: [node('a', 'True'), node('b', 'False')],
    expectedNodes: 3,
  })
  assert.deepEqual([readyNodes, waiting], [1, ['2 of 3 nodes']])
})

test('a deployment counts only once its controller has seen it', () => {
  const wanted = [deployment(2, 2)]
  assert.deepEqual(readinessOf({ ...empty, deployments: [deployment(2, 2)], wanted }).waiting, [])
  assert.deepEqual(readinessOf({ ...empty, deployments: [deployment(2, 2, 0)], wanted }).waiting, [
    'deployment default/web (0 of 2 pods)',
  ])
  assert.deepEqual(readinessOf({ ...empty, wanted }).waiting, ['deployment default/web'])
})

test('a pod that cannot become ready by waiting is told with its reason', () => {
  const crashing = pod('web-1', {
    containerStatuses: [
      {
        name: 'web',
        ready: false,
        restartCount: 1,
        image: 'host',
        imageID: '',
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
      },
    ],
  })
  const result = readinessOf({ ...empty, pods: [crashing], wanted: [crashing] })
  assert.deepEqual(result.stuck, ['default/web-1: container web: CrashLoopBackOff: back-off 10s'])
})

test('of a pod that ends again and again the last end is told, and where its words are', () => {
  const crashed = (terminated: object): string[] => {
    const status = {
      name: 'web',
      ready: false,
      restartCount: 1,
      image: 'host',
      imageID: '',
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
      lastState: { terminated: { startedAt: '', finishedAt: '', ...terminated } },
    } as ContainerStatus
    const one = pod('web-1', { containerStatuses: [status] })
    return readinessOf({ ...empty, pods: [one], wanted: [one] }).stuck
  }
  const begin = 'default/web-1: container web: CrashLoopBackOff: back-off 10s: '
  const see = '; see kubectl -n default logs web-1 -c web --previous'
  assert.deepEqual(crashed({ exitCode: 3, reason: 'Error' }), [`${begin}it ended with exit code 3${see}`])
  assert.deepEqual(crashed({ exitCode: 137, reason: 'OOMKilled' }), [
    `${begin}it ended with exit code 137 (OOMKilled)${see}`,
  ])
  // It has printed nothing.
  assert.deepEqual(crashed({ exitCode: 128, reason: 'StartError', message: 'no such program' }), [
    `${begin}no such program`,
  ])
})

test('ready pods, and pods that have done their work, are enough', () => {
  const pods = [pod('a', ready), pod('b', { phase: 'Succeeded' })]
  assert.deepEqual(readinessOf({ ...empty, pods, wanted: pods }), {
    readyNodes: 0,
    readyPods: 2,
    expectedPods: 2,
    waiting: [],
    stuck: [],
  })
})

test('a deployment is blamed only for pods that its selector chooses, matchExpressions included', () => {
  const of = (name: string, app: string): Pod =>
    pod(
      name,
      {
        containerStatuses: [
          {
            name: 'c',
            ready: false,
            restartCount: 1,
            image: 'host',
            imageID: '',
            state: { waiting: { reason: 'CrashLoopBackOff' } },
          },
        ],
      },
      { app },
    )
  const web = deployment(1, 0)
  web.spec.selector = { matchExpressions: [{ key: 'app', operator: 'In', values: ['web'] }] }
  const { stuck } = readinessOf({
    ...empty,
    deployments: [web],
    pods: [of('web-1', 'web'), of('other', 'db')],
    wanted: [web],
  })
  assert.deepEqual(stuck, ['default/web-1: container c: CrashLoopBackOff'])
})
