import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parseAllDocuments } from 'yaml'
import { agents, cluster } from '../src/control/testing.ts'
import type { KindName } from '../src/api/objects/index.ts'
import type { KubeObject } from '../src/api/objects/meta.ts'

const folder = new URL('.', import.meta.url).pathname

for (const file of globSync(`${folder}broken/*.yaml`)) {
  test(`${file.slice(folder.length)} is accepted by the API, however wrong it is, and says in its first line what is`, async (t) => {
    const lab = await cluster(t)
    const text = readFileSync(file, 'utf8')
    assert.match(text, /^# Mistake \d+/)
    for (const document of parseAllDocuments(text)) {
      const { kind, metadata, ...rest } = document.toJS() as KubeObject
      await lab.client.create(kind as KindName, { metadata, ...rest })
    }
  })
}

for (const file of globSync(`${folder}{shop,picture,image}/*.yaml`)) {
  test(`${file.slice(folder.length)} is accepted by the API, its pods are placed and its services find them`, async (t) => {
    const lab = await cluster(t)
    agents(lab.client)
    for (const name of ['node1', 'node2', 'node3']) await lab.node(name)
    const objects = parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as KubeObject)
    for (const { kind, metadata, ...rest } of objects) {
      const namespace = kind === 'Namespace' ? {} : { namespace: 'default' }
      await lab.client.create(kind as KindName, { metadata: { ...namespace, ...metadata }, ...rest })
    }
    const wanted = objects.reduce((sum, { kind, spec }: KubeObject & { spec?: { replicas?: number } }) => {
      return sum + (kind === 'Pod' ? 1 : kind === 'Deployment' ? (spec?.replicas ?? 1) : 0)
    }, 0)
    const pods = await lab.until('Pod', (all) => all.filter((pod) => pod.status?.podIP).length === wanted)
    assert.ok(pods.every((pod) => pod.spec.nodeName))
    const services = objects.filter(({ kind }) => kind === 'Service').length
    await lab.until('EndpointSlice', (all) => {
      const filled = all.filter((slice) => slice.metadata.name !== 'kubernetes' && slice.endpoints.length > 0)
      return new Set(filled.map((slice) => slice.metadata.labels?.['kubernetes.io/service-name'])).size === services
    })
  })
}
