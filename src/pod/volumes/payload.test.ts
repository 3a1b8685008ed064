import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Pod, Volume } from '../../api/objects/pod.ts'
import type { ConfigMap, Secret } from '../../api/objects/simple.ts'
import { writeAtomically } from './atomic.ts'
import { type Payload, payloadOf, payloadSources } from './payload.ts'
import { quantity } from './quantity.ts'

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
    token: 'token',
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
    { f: 'sesame 644', t: 'token 644' },
  )
})

test('a token for somebody else is not one that the API takes', () => {
  const sources = [{ serviceAccountToken: { path: 't', audience: 'vault' } }]
  assert.throws(() => files({ projected: { sources } }), {
    message: /an audience of their own \("vault"\) are not supported/,
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

test('sizes are read as Kubernetes writes them', () => {
  assert.deepEqual(['64Mi', '1.5Gi', '100', '2k'].map(quantity), [67_108_864, 1_610_612_736, 100, 2000])
  for (const text of ['', 'x', '-1', '1MiB', '1e400']) assert.throws(() => quantity(text), TypeError)
})
