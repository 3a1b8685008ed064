import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeProtobuf } from './protobuf.ts'
import table from './protobuf.json' with { type: 'json' }
import { fieldsOf, typeNames } from './types.ts'

const sent = (text: string): object => decodeProtobuf(Buffer.from(text, 'base64'))

// The bodies are those of kubectl 1.32.
test('kubectl create deployment: what a pointer says stays, also zero; what nobody set goes', () => {
  assert.deepEqual(
    sent(
      'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50EsgBCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEpYBCAASDAoKCgNhcHASA3dlYhp8ChwKABIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViElwSPgoEaG9zdBIEaG9zdBoFc2xlZXAaCGluZmluaXR5KgAyCwoAEAAYkD8iACoAQgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBACICCgAoADgAGgwIABAAGAAgACgAOAAaACIA',
    ),
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [
              { name: 'host', image: 'host', command: ['sleep', 'infinity'], ports: [{ containerPort: 8080 }] },
            ],
          },
        },
      },
    },
  )
})

test('kubectl create service, secret and configmap: numbers or names of ports, bytes, maps', () => {
  assert.deepEqual(
    sent(
      'azhzAAoNCgJ2MRIHU2VydmljZRJsCh8KA3dlYhIAGgAiACoAMgA4AEIAWgoKA2FwcBIDd2ViEkUKHgoHODAtaHR0cBIDVENQGFAiCggBEAAaBGh0dHAoABIKCgNhcHASA3dlYhoAIglDbHVzdGVySVA6AEIAUgBaAGAAaAAaAgoAGgAiAA==',
    ),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', labels: { app: 'web' } },
      spec: {
        ports: [{ name: '80-http', protocol: 'TCP', port: 80, targetPort: 'http' }],
        selector: { app: 'web' },
        type: 'ClusterIP',
      },
    },
  )
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data: { a: 'Yg==' } }
  assert.deepEqual(sent('azhzAAoMCgJ2MRIGU2VjcmV0Eh0KEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaABoAIgA='), secret)
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 's' }, data: { a: 'b' } }
  assert.deepEqual(sent('azhzAAoPCgJ2MRIJQ29uZmlnTWFwEhsKEQoBcxIAGgAiACoAMgA4AEIAEgYKAWESAWIaACIA'), map)
})

test('every field has the name that the schema has', () => {
  const known = new Set(typeNames())
  for (const [type, line] of Object.entries(table)) {
    if (!known.has(type)) continue
    const names = line.split(';').map((field) => field.split(' ')[1] ?? '')
    const strange = names
      .filter((name) => !name.startsWith('+'))
      .map((name) => name.replace('*', ''))
      .filter((name) => name !== '' && !fieldsOf(type).has(name))
    assert.deepEqual(strange, newer[type] ?? [], type)
  }
})

/** Fields of a younger Kubernetes than the schema's. */
const newer: Readonly<Record<string, string[]>> = { PodSpec: ['workloadRef'] }

test('bytes that are no message are refused as such, whatever they are', () => {
  const refused = (bytes: Uint8Array): void => {
    try {
      decodeProtobuf(Buffer.concat([Buffer.from('k8s\0'), bytes]))
    } catch (error) {
      assert.equal((error as { code?: number }).code, 400, String(error))
    }
  }
  assert.throws(() => decodeProtobuf(Buffer.from('{}')), /no protobuf/)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), refused))
  const head = Buffer.from('Cg0KAnYxEgdTZXJ2aWNl', 'base64')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (raw) =>
      refused(Buffer.concat([head, Buffer.from([0x12, raw.length]), raw])),
    ),
  )
})
