import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Container, Pod, Volume, VolumeProjection } from '../../api/objects/pod.ts'
import type { ConfigMap, Secret } from '../../api/objects/simple.ts'
import { writeAtomically } from './atomic.ts'
import { type Payload, payloadOf, payloadSources } from './payload.ts'
import { type ResourceField, resourceValue } from './resources.ts'

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: 'u', labels: { b: '2', a: 'say "1"' } },
  spec: { containers: [] },
}
const app: ConfigMap = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'app' },
  data: { a: 'one', b: 'two' },
  binaryData: { c: 'AAE=' },
}
const pass: Secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pass' }, data: { word: 'c2VzYW1l' } }

function files(volume: Omit<Volume, 'name'>): Record<string, string> {
  const made = payloadSources({ name: 'v', ...volume }) ?? assert.fail('not such a volume')
  const payload = payloadOf(made.sources, {
    pod,
    defaultMode: made.defaultMode,
    configMap: (name) => (name === 'app' ? app : undefined),
    secret: (name) => (name === 'pass' ? pass : undefined),
    token: ({ audience = 'the API' }) => `token for ${audience}`,
  })
  return Object.fromEntries(
    [...payload].map(([path, { bytes, mode }]) => [path, `${bytes.toString('latin1')} ${mode.toString(8)}`]),
  )
}

test('every source becomes files with the modes that were asked for', () => {
  assert.deepEqual(files({ configMap: { name: 'app' } }), { a: 'one 644', b: 'two 644', c: '\0\x01 644' })
  assert.deepEqual(
    files({
      configMap: {
        name: 'app',
        defaultMode: 0o400,
        items: [
          { key: 'a', path: 'x/y', mode: 0o600 },
          { key: 'b', path: 'z' },
        ],
      },
    }),
    { 'x/y': 'one 600', z: 'two 400' },
  )
  assert.deepEqual(files({ secret: { secretName: 'pass' } }), { word: 'sesame 644' })
  assert.deepEqual(files({ downwardAPI: { items: [{ path: 'l', fieldRef: { fieldPath: 'metadata.labels' } }] } }), {
    l: 'a="say \\"1\\""\nb="2" 644',
  })
  assert.deepEqual(
    files({
      projected: {
        sources: [
          { configMap: { name: 'app', items: [{ key: 'a', path: 'f' }] } },
          { secret: { name: 'pass', items: [{ key: 'word', path: 'f' }] } },
          { serviceAccountToken: { path: 't' } },
        ],
      },
    }),
    { f: 'sesame 644', t: 'token for the API 644' },
  )
})

test('a token is for its audience, and only for whom the pod runs as', () => {
  const projected = {
    sources: [{ serviceAccountToken: { path: 't', audience: 'vault' } }, { serviceAccountToken: { path: 'u' } }],
  }
  assert.deepEqual(files({ projected }), { t: 'token for vault 644', u: 'token for the API 644' })
  const as = (ofPod: Record<string, unknown>, ...containers: object[]): unknown =>
    payloadOf([{ serviceAccountToken: { path: 't' } }], {
      ...nothing,
      pod: { ...pod, spec: { securityContext: ofPod, containers: containers as Container[] } },
    }).get('t')
  const file = (mode: number, more = {}): object => ({ bytes: Buffer.from('t'), mode, ...more })
  const user = (runAsUser: number): object => ({ securityContext: { runAsUser } })
  assert.deepEqual(as({ fsGroup: 7 }, {}), file(0o600))
  assert.deepEqual(as({ runAsUser: 5 }, {}, {}), file(0o600, { uid: 5 }))
  assert.deepEqual(as({}, user(5), user(5)), file(0o600, { uid: 5 }))
  assert.deepEqual(as({}, user(5), user(6)), file(0o644))
  assert.deepEqual(as({}, user(5), {}), file(0o644))
})
const nothing = { defaultMode: 0o644, configMap: () => undefined, secret: () => undefined, token: () => 't' }

test('the downward API has limits and requests, in the divisors that were asked for', () => {
  const resources = { limits: { cpu: '1500m', memory: '64Mi' }, requests: { memory: '1G' } }
  const spec = { containers: [{ name: 'c', resources }, { name: 'd' }] }
  const rows: [ResourceField, string | undefined][] = [
    [{ resource: 'limits.cpu' }, '2'],
    [{ resource: 'limits.cpu', divisor: '1m' }, '1500'],
    [{ resource: 'limits.memory', divisor: '1Mi' }, '64'],
    [{ resource: 'limits.memory' }, '67108864'],
    [{ resource: 'requests.memory', divisor: '1Mi' }, '954'],
    [{ resource: 'requests.cpu' }, '0'],
    [{ resource: 'limits.cpu', containerName: 'd', divisor: '0' }, String(availableParallelism())],
    [{ resource: 'limits.ephemeral-storage' }, '0'],
    [{ resource: 'limits.gpu' }, undefined],
    [{ resource: 'limits.cpu', containerName: 'e' }, undefined],
  ]
  for (const [field, value] of rows)
    assert.equal(resourceValue({ ...pod, spec }, spec.containers[0], field), value, JSON.stringify(field))
})

test('a source of a kind that is not known is refused', () => {
  const sources = [{ clusterTrustBundle: { path: 'x' } } as VolumeProjection]
  assert.throws(() => files({ projected: { sources } }), {
    message: /sources of type clusterTrustBundle are not supported/,
  })
})

test('what lacks is named, unless it is optional', () => {
  assert.throws(() => files({ configMap: { name: 'no' } }), {
    code: 'FailedMount',
    message: /configmap "no" not found/,
  })
  assert.throws(() => files({ configMap: { name: 'app', items: [{ key: 'k', path: 'p' }] } }), {
    message: /non-existent config key: k/,
  })
  assert.deepEqual(files({ configMap: { name: 'no', optional: true } }), {})
  assert.deepEqual(files({ configMap: { name: 'app', optional: true, items: [{ key: 'k', path: 'p' }] } }), {})
})

test('no path leaves the volume or takes the place of its links', () => {
  for (const path of ['../x', '/x', 'a/../../x', '..data', '..x', 'a//b', '', 'a\0b', `${'a/'.repeat(3000)}b`])
    assert.throws(
      () => files({ configMap: { name: 'app', items: [{ key: 'a', path }] } }),
      { message: /is no path inside a volume/ },
      path,
    )
})

test('a directory goes from one set of files to the next in one step, and stays when nothing changed', () => {
  const dir = mkdtempSync(join(tmpdir(), 'atomic-'))
  const payload = (entries: Record<string, string>): Payload =>
    new Map(Object.entries(entries).map(([path, text]) => [path, { bytes: Buffer.from(text), mode: 0o640 }]))
  const visible = (): string[] => readdirSync(dir).filter((name) => !name.startsWith('..'))
  try {
    assert.equal(writeAtomically(dir, payload({ a: '1', 'd/e': '2' })), true)
    assert.deepEqual(visible(), ['a', 'd'])
    assert.equal(readFileSync(join(dir, 'd', 'e'), 'utf8'), '2')
    assert.equal(statSync(join(dir, 'a')).mode & 0o777, 0o640)
    const first = readlinkSync(join(dir, '..data'))
    assert.equal(writeAtomically(dir, payload({ a: '1', 'd/e': '2' })), false)
    assert.equal(readlinkSync(join(dir, '..data')), first)
    assert.equal(writeAtomically(dir, payload({ b: '3' })), true)
    assert.deepEqual(visible(), ['b'])
    assert.equal(readdirSync(dir).length, 3, 'the old files are gone')
    assert.equal(writeAtomically(dir, payload({})), true)
    assert.deepEqual(visible(), [])
  } finally {
    rmSync(dir, { recursive: true })
  }
})
