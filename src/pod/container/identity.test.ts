import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, Pod } from '../../api/objects/pod.ts'
import { type Identity, type IdMap, identityOf } from './identity.ts'

const everybody: IdMap = { user: () => true, group: () => true, groups: true, owned: false }
const onlyRoot: IdMap = { user: (one) => one === 0, group: (one) => one === 0, groups: false, owned: true }

function identity(
  ofPod: Record<string, unknown>,
  ofContainer: Record<string, unknown> = {},
  ids = everybody,
): Identity {
  const container: Container = { name: 'c', securityContext: ofContainer }
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [container], securityContext: ofPod },
  }
  return identityOf(pod, container, ids)
}

test("the container's user wins over the pod's, groups are the pod's", () => {
  assert.deepEqual(identity({}), { uid: 0, gid: 0, groups: [0] })
  assert.deepEqual(identity({ runAsUser: 1, runAsGroup: 2, supplementalGroups: [5], fsGroup: 6 }, { runAsUser: 3 }), {
    uid: 3,
    gid: 2,
    groups: [2, 5, 6],
  })
})

test('an id that does not exist here is refused with the remedy', () => {
  for (const context of [{ runAsUser: 1000 }, { runAsGroup: 1000 }, { fsGroup: 7 }])
    assert.throws(() => identity(context, {}, onlyRoot), {
      code: 'CreateContainerConfigError',
      message: /Start the cluster as root/,
    })
  assert.deepEqual(identity({ runAsUser: 0, fsGroup: 0 }, {}, onlyRoot), { uid: 0, gid: 0, groups: [] })
})

test('runAsNonRoot refuses root, and nonsense is no id', () => {
  assert.throws(() => identity({ runAsNonRoot: true }), { message: /will run as root/ })
  assert.deepEqual(identity({ runAsNonRoot: true, runAsUser: 7 }).uid, 7)
  for (const runAsUser of [-1, 1.5, '0', 2 ** 31])
    assert.throws(() => identity({ runAsUser }), { message: /is no user or group id/ })
})
