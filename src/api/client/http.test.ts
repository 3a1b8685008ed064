import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type TestApi, testApi } from '../testing.ts'
import type { Client } from './client.ts'
import { connect } from './http.ts'
import { connectionFrom, fromKubeconfig, kubeconfig } from './kubeconfig.ts'

let cluster: TestApi
let client: Client
before(async () => {
  cluster = await testApi()
  client = connect(cluster.as('tester'))
})
after(async () => {
  client.close()
  await cluster[Symbol.asyncDispose]()
})

const pod = (
  name: string,
): { metadata: { name: string; namespace: string }; spec: { containers: { name: string; image: string }[] } } => ({
  metadata: { name, namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'host' }] },
})

test('every verb works over HTTPS as it does in process', async () => {
  const made = await client.create('Pod', pod('verbs'))
  assert.equal(made.spec.restartPolicy, 'Always')
  assert.deepEqual(await client.get('Pod', 'verbs', 'default'), made)
  assert.equal(await client.get('Pod', 'absent', 'default'), undefined)
  const { items } = await client.list('Pod', { fieldSelector: 'metadata.name=verbs' })
  assert.deepEqual(items, [made])
  const changed = await client.update('Pod', { ...made, metadata: { ...made.metadata, labels: { a: 'b' } } })
  assert.deepEqual(changed.metadata.labels, { a: 'b' })
  await assert.rejects(client.update('Pod', made), { code: 409, reason: 'Conflict' })
  assert.equal((await client.bind('verbs', 'default', 'node1')).spec.nodeName, 'node1')
  await client.patch('Pod', 'verbs', 'default', { status: { phase: 'Running' } }, 'status')
  await client.delete('Pod', 'verbs', 'default')
  assert.equal((await client.get('Pod', 'verbs', 'default'))?.metadata.deletionGracePeriodSeconds, 30)
  await client.delete('Pod', 'verbs', 'default', { gracePeriodSeconds: 0, uid: made.metadata.uid ?? '' })
  assert.equal(await client.get('Pod', 'verbs', 'default'), undefined)
  await assert.rejects(client.delete('Pod', 'verbs', 'default'), { code: 404, reason: 'NotFound' })
  await assert.rejects(client.create('Service', { metadata: { name: 'x' }, spec: { ports: [{ port: 0 }] } }), {
    code: 422,
    message: 'Service "x" is invalid: spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
    details: {
      name: 'x',
      group: '',
      kind: 'Service',
      causes: [
        {
          reason: 'FieldValueInvalid',
          message: 'Invalid value: 0: must be between 1 and 65535, inclusive',
          field: 'spec.ports[0].port',
        },
      ],
    },
  })
})

test('a follower has the first list, then every change', async () => {
  const seen: string[] = []
  const follower = client.follow('ConfigMap', {
    namespace: 'kube-public',
    onChange: ({ type, object }) => seen.push(`${type} ${object.metadata.name}`),
  })
  await client.create('ConfigMap', { metadata: { name: 'a', namespace: 'kube-public' } })
  await follower.synced
  await client.patch('ConfigMap', 'a', 'kube-public', { data: { x: '1' } })
  await client.delete('ConfigMap', 'a', 'kube-public')
  await eventually(() => seen.includes('deleted a'))
  assert.equal(seen.at(-1), 'deleted a')
  assert.deepEqual(follower.list(), [])
  follower.close()
})

test('a follower outlives its server, and learns what happened meanwhile as changes', async () => {
  const stateDir = mkdtempSync(join(tmpdir(), 'kubehop-follow-'))
  try {
    const first = await testApi({ stateDir })
    const port = Number(new URL(first.server).port)
    await first.api.client.create('ConfigMap', { metadata: { name: 'kept' } })
    await first.api.client.create('ConfigMap', { metadata: { name: 'removed' } })
    const own = connect(first.as('tester'))
    const seen: string[] = []
    const follower = own.follow('ConfigMap', {
      onChange: ({ type, object }) => seen.push(`${type} ${object.metadata.name}`),
    })
    await follower.synced
    assert.deepEqual(seen.splice(0).toSorted(), ['added kept', 'added removed'])
    await first.api.close()
    const second = await testApi({ stateDir, port, authority: first.authority })
    await second.api.client.delete('ConfigMap', 'removed', 'default')
    await second.api.client.create('ConfigMap', { metadata: { name: 'made' } })
    await eventually(() => seen.length >= 2)
    assert.deepEqual(seen.toSorted(), ['added made', 'deleted removed'])
    own.close()
    await second.api.close()
  } finally {
    rmSync(stateDir, { recursive: true })
  }
})

test("a service account's token is good for reading, until its pod is gone", async () => {
  await client.create('ServiceAccount', { metadata: { name: 'reader' } })
  const made = await client.create('Pod', { ...pod('bound'), spec: { ...pod('').spec, serviceAccountName: 'reader' } })
  const { token, expires } = await client.token('reader', 'default', { name: 'bound', uid: made.metadata.uid ?? '' })
  assert.ok(Date.parse(expires) > Date.now() + 600_000)
  const reader = connect({ server: cluster.server, ca: cluster.authority.cert, token })
  assert.equal((await reader.get('Pod', 'bound', 'default'))?.metadata.name, 'bound')
  await assert.rejects(reader.list('Secret'), {
    code: 403,
    message:
      'secrets is forbidden: User "system:serviceaccount:default:reader" cannot list resource "secrets" in API group "" at the cluster scope',
  })
  await assert.rejects(reader.create('ConfigMap', { metadata: { name: 'no' } }), { code: 403 })
  await client.delete('Pod', 'bound', 'default')
  await assert.rejects(reader.list('Pod'), { code: 401 })
  reader.close()
})

test('nobody, strangers and forged tokens get nothing', async () => {
  const nobody = connect({ server: cluster.server, ca: cluster.authority.cert })
  await assert.rejects(nobody.list('Pod'), { code: 403 })
  nobody.close()
  const stranger = await testApi()
  const wrong = connect({ ...stranger.as('tester'), server: cluster.server, ca: cluster.authority.cert })
  await assert.rejects(wrong.list('Pod'), { code: 401 })
  wrong.close()
  await stranger.api.client.create('ServiceAccount', { metadata: { name: 'reader' } })
  const { token } = await stranger.api.client.token('reader', 'default')
  const forged = connect({ server: cluster.server, ca: cluster.authority.cert, token })
  await assert.rejects(forged.list('Pod'), { code: 401 })
  forged.close()
  await stranger[Symbol.asyncDispose]()
})

test('a kubeconfig in YAML and in JSON says the same', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'kubehop-kubeconfig-'))
  try {
    const { server, ca = '', cert = '', key = '' } = cluster.as('tester')
    for (const form of ['yaml', 'json'] as const) {
      const path = join(dir, form)
      writeFileSync(path, kubeconfig({ server, ca, cert, key, name: 'a "name": x' }, form))
      assert.deepEqual(await connectionFrom(path), { server, ca, cert, key })
      const own = await fromKubeconfig(path)
      assert.equal((await own.get('Namespace', 'default'))?.status?.phase, 'Active')
      own.close()
    }
    await assert.rejects(connectionFrom(join(dir, 'absent')), /read kubeconfig .*absent: ENOENT/)
    const program = { name: 'a', user: { exec: { command: 'login' } } }
    const contexts = [{ name: 'a', context: { cluster: 'a', user: 'a' } }]
    const clusters = [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }]
    writeFileSync(join(dir, 'exec'), JSON.stringify({ 'current-context': 'a', contexts, clusters, users: [program] }))
    await assert.rejects(connectionFrom(join(dir, 'exec')), /logs in by a program.*kubectl create token/)
  } finally {
    rmSync(dir, { recursive: true })
  }
})

/** Waits for what other events bring about, looking after each of them. */
async function eventually(test: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !test(); i++) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.ok(test(), 'it did not happen within 5 s')
}
