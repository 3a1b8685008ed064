// What the server says of itself: its kinds, its paths, its schemas.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { askServer, maps } from './testing.ts'

const { call } = askServer()

test('discovery names every resource, alone and aggregated', async () => {
  assert.deepEqual((await call('/api')).json.versions, ['v1'])
  assert.deepEqual((await call('/apis')).json.groups.map((one: { name: string }) => one.name).toSorted(), [
    'apps',
    'authentication.k8s.io',
    'authorization.k8s.io',
    'coordination.k8s.io',
    'discovery.k8s.io',
    'kubehop.dev',
    'networking.k8s.io',
  ])
  const core = (await call('/api/v1')).json.resources.map((one: { name: string }) => one.name)
  for (const name of [
    'pods',
    'pods/log',
    'pods/exec',
    'pods/binding',
    'nodes/proxy',
    'services/status',
    'serviceaccounts/token',
    'namespaces/finalize',
  ])
    assert.ok(core.includes(name), name)
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
  const { json, headers } = await call('/apis', { headers: { accept } })
  assert.match(headers['content-type'] ?? '', /as=APIGroupDiscoveryList/)
  const apps = json.items.find((one: { metadata: { name: string } }) => one.metadata.name === 'apps').versions[0]
    .resources
  assert.deepEqual(
    apps[0].subresources.map((one: { subresource: string }) => one.subresource),
    ['status', 'scale'],
  )
  assert.equal((await call('/apis/batch/v1')).code, 404)
})

test('methods and paths that are not there say so', async () => {
  assert.equal((await call('/api/v1/namespaces/default/widgets')).code, 404)
  assert.equal((await call('/api/v1/nowhere/x/y')).code, 404)
  assert.equal((await call(maps, { method: 'PUT', body: {} })).code, 405)
  assert.equal((await call(`${maps}/a/scale`)).code, 404)
  const unknown = await call('/api/v1/namespaces/default/pods/a/checkpoint', { method: 'POST' })
  assert.deepEqual([unknown.code, unknown.json.details], [404, {}])
  assert.equal(unknown.json.message, 'the server could not find the requested resource')
  const path = '/apis/batch/v1/namespaces/default/jobs'
  assert.match(
    (await call(path, { method: 'POST', body: {} })).json.message,
    /^the server could not find the requested resource: jobs of batch\/v1 are not served here; served are ConfigMap \(v1\), Deployment \(apps\/v1\), .*Service \(v1\)/,
  )
  assert.match(
    (await call('/apis/extensions/v1beta1/deployments')).json.message,
    /: deployments of extensions\/v1beta1 are not served here; Deployment is served as apps\/v1$/,
  )
  assert.equal((await call('/api/v1/namespaces/%zz/pods')).code, 400)
  assert.equal((await call(`${maps}?labelSelector=a%20b`)).code, 400)
  assert.equal((await call(`${maps}?limit=x`)).code, 400)
  assert.equal((await call(maps, { headers: { accept: 'application/vnd.kubernetes.protobuf' } })).code, 406)
})

test('OpenAPI describes every kind, with merge keys and the wish for strictness', async () => {
  const { json: index } = await call('/openapi/v3')
  assert.deepEqual(Object.keys(index.paths).toSorted(), [
    'api/v1',
    'apis/apps/v1',
    'apis/coordination.k8s.io/v1',
    'apis/discovery.k8s.io/v1',
    'apis/kubehop.dev/v1alpha1',
    'apis/networking.k8s.io/v1',
  ])
  const { json, headers } = await call(index.paths['apis/apps/v1'].serverRelativeURL)
  assert.match(headers['cache-control'] ?? '', /immutable/)
  const schema = json.components.schemas['io.k8s.api.apps.v1.Deployment']
  assert.deepEqual(schema['x-kubernetes-group-version-kind'], [{ group: 'apps', version: 'v1', kind: 'Deployment' }])
  assert.equal(
    json.components.schemas['io.k8s.api.core.v1.PodSpec'].properties.containers['x-kubernetes-patch-merge-key'],
    'name',
  )
  const patch = json.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'].patch
  assert.ok(patch.parameters.some((one: { name: string }) => one.name === 'fieldValidation'))
  const text = JSON.stringify(json)
  for (const [, name = ''] of text.matchAll(/#\/components\/schemas\/([^"]+)/g))
    assert.ok(json.components.schemas[name], name)
  // kubectl asks version 2 about kinds that version 3 does not have, and an empty answer lets it say that there is no such kind.
  assert.deepEqual((await call('/openapi/v2')).json.paths, {})
  const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf'
  const { code, text: none } = await call('/openapi/v2', { headers: { accept } })
  assert.deepEqual([code, none], [200, ''])
})
