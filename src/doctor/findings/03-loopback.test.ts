import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReplicaSet } from '../../api/objects/workload.ts'
import { address } from '../../base/address.ts'
import { withoutEchoes } from '../echoes.ts'
import { check as nobodyListens } from './02-nobody-listens.ts'
import { check } from './03-loopback.ts'
import { machine, pod, podFacts, slice, socket, view } from './testing.ts'

test('pods of one workload that listen on the loopback address alone are one finding, others have their own', () => {
  const made = (name: string, ip: string, set?: string) =>
    pod(name, {
      ip,
      metadata: {
        name,
        namespace: 'shop',
        labels: { app: 'web' },
        ...(set !== undefined && {
          ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: set, uid: set, controller: true }],
        }),
      },
    })
  const pods = [made('a', '100.96.1.2', 'web-1'), made('b', '100.96.1.3', 'web-1'), made('c', '100.96.1.4')]
  const sockets = [socket(8080, { address: address('127.0.0.1') })]
  const facts = pods.map(({ metadata: { name } }) => podFacts(name, { sockets }))
  const of = view({
    cluster: {
      pods,
      slices: [slice('web', ['100.96.1.2', '100.96.1.3', '100.96.1.4'])],
      replicaSets: [{ kind: 'ReplicaSet', metadata: { name: 'web-1', namespace: 'shop' } }] as ReplicaSet[],
    },
    machines: [machine('node1', { pods: facts })],
  })
  const found = withoutEchoes([...check.find(of), ...nobodyListens.find(of)])
  assert.deepEqual(
    found.map(({ code, object, also }) => [code, object.name, also?.map(({ name }) => name)]),
    [
      ['LoopbackOnly', 'a', ['web', 'b']],
      ['LoopbackOnly', 'c', ['web']],
    ],
  )
  assert.match(
    found[0]?.say ?? '',
    /^node in pod shop\/a, and in 1 other pod like it, listens on 127\.0\.0\.1:8080 only/,
  )
})
