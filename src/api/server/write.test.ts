// Bodies, of any form, and what becomes of them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import { test } from 'node:test'
import { type Answer, askServer, maps } from './testing.ts'

const { admin, call, cluster } = askServer()

test('bodies that are no object of the kind are refused with a reason', async () => {
  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    call(maps, { method: 'POST', body, headers })
  const rows: [Promise<Answer>, number, RegExp][] = [
    [post('{'), 400, /the object provided is unrecognized/],
    [post('[]'), 400, /a ConfigMap must be a JSON object/],
    [
      post({ kind: 'Secret', apiVersion: 'v1', metadata: { name: 'a' } }),
      400,
      /the object provided is a v1 Secret, this resource takes v1 ConfigMap/,
    ],
    [
      post({ metadata: { name: 'a' }, data: { a: 1 } }),
      400,
      /ConfigMap in version "v1" cannot be handled as a ConfigMap: data\.a: expected text, not 1/,
    ],
    [post({ metadata: { name: 'a', namespace: 'other' } }), 400, /does not match the namespace/],
    [post({ metadata: { name: 'a', resourceVersion: '1' } }), 400, /resourceVersion should not be set/],
    [post({ metadata: 'a' }), 400, /metadata: expected an object, not "a"/],
    [post('k8s\0', { 'content-type': 'application/vnd.kubernetes.protobuf' }), 400, /is not taken in protobuf/],
    [post('{}', { 'content-type': 'application/vnd.kubernetes.protobuf' }), 400, /no protobuf of Kubernetes/],
    [post(`{"a":${'['.repeat(200)}${']'.repeat(200)}}`), 400, /nested more than 100 levels/],
    [post('{"metadata":{"name":"a"}}'.padEnd(4 * 1024 * 1024)), 413, /Request entity too large: limit is 3145728/],
    [post('a: &a [*a]', { 'content-type': 'application/yaml' }), 400, /nested more than 100 levels/],
    [post('a: [', { 'content-type': 'application/yaml' }), 400, /no valid YAML/],
    [
      post({ metadata: { name: 'a', labels: { __proto__: 1, a: 'b' }, annotations: null } }),
      201,
      /"labels":\{"a":"b"\}/,
    ],
  ]
  for (const [answer, code, message] of rows) {
    const { code: got, text, json } = await answer
    assert.equal(got, code, text)
    assert.match(json.message ?? text, message)
  }
})

test('a body without a length that grows too large is refused, also where everybody may send one, and the server goes on', async () => {
  const reviews = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews'
  for (const path of [maps, reviews]) {
    const request = httpsRequest(`${cluster().server}${path}`, { method: 'POST', agent: admin() })
    const code = new Promise<number | undefined>((resolve) => {
      request.once('response', (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      // The server may end the connection before all is sent.
      request.on('error', () => resolve(undefined))
    })
    for (let megabytes = 0; megabytes < 4; megabytes++) request.write(' '.repeat(1024 * 1024))
    request.end()
    assert.ok([413, undefined].includes(await code))
    assert.equal((await call('/healthz')).text, 'ok')
  }
})

test('a client that goes away in the middle of its body is not missed', async () => {
  const request = httpsRequest(`${cluster().server}${maps}`, {
    method: 'POST',
    headers: { expect: '100-continue' },
    agent: admin(),
  })
  request.on('error', () => {})
  // The server has begun with it when it says so.
  request.flushHeaders()
  await once(request, 'continue')
  await new Promise((sent) => request.write('{"metadata":', sent))
  request.destroy()
  assert.equal((await call('/healthz')).text, 'ok')
})

test('YAML bodies are objects too', async () => {
  const { code } = await call(maps, {
    method: 'POST',
    body: 'metadata: {name: yaml}\ndata: {a: b}\n',
    headers: { 'content-type': 'application/yaml' },
  })
  assert.equal(code, 201)
})

test('unknown fields are refused, warned about or dropped, as the client wishes', async () => {
  const post = (validation: string): Promise<Answer> =>
    call(`${maps}?dryRun=All&fieldValidation=${validation}`, {
      method: 'POST',
      body: { metadata: { name: 'f' }, dada: { a: 'b' }, 'x"y': 1 },
    })
  const strict = await post('Strict')
  assert.equal(strict.code, 400)
  assert.match(strict.json.message, /strict decoding error: unknown field "dada", unknown field "x\\"y"$/)
  const warned = await post('Warn')
  assert.equal(warned.code, 201)
  assert.equal(warned.headers['warning'], '299 - "unknown field \\"dada\\"", 299 - "unknown field \\"x\\\\\\"y\\""')
  assert.equal(warned.json.dada, undefined)
  assert.equal((await post('Ignore')).headers['warning'], undefined)
  assert.equal((await post('Maybe')).code, 400)
})

test('scale reads and writes the number of replicas only', async () => {
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'host' }] } }
  const path = '/apis/apps/v1/namespaces/default/deployments'
  await call(path, {
    method: 'POST',
    body: { metadata: { name: 'd' }, spec: { selector: { matchLabels: { a: 'b' } }, template } },
  })
  const { json } = await call(`${path}/d/scale`)
  assert.deepEqual([json.kind, json.spec, json.status.selector], ['Scale', { replicas: 1 }, 'a=b'])
  assert.equal(
    (await call(`${path}/d/scale`, { method: 'PUT', body: { ...json, spec: { replicas: 4 } } })).json.spec.replicas,
    4,
  )
  assert.equal((await call(`${path}/d/scale`, { method: 'PUT', body: json })).code, 409)
  assert.equal(
    (
      await call(`${path}/d/scale`, {
        method: 'PATCH',
        body: { spec: { replicas: -1 } },
        headers: { 'content-type': 'application/merge-patch+json' },
      })
    ).code,
    422,
  )
})

test('server-side apply needs a manager, makes what is not there and merges into what is', async () => {
  const apply = (body: object, query = 'fieldManager=me'): Promise<Answer> =>
    call(`${maps}/ssa?${query}`, { method: 'PATCH', body, headers: { 'content-type': 'application/apply-patch+yaml' } })
  assert.equal((await apply({}, '')).code, 400)
  assert.equal(
    (await apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ssa' }, data: { a: '1' } })).code,
    201,
  )
  const { code, json } = await apply({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'ssa' },
    data: { b: '2' },
  })
  assert.deepEqual([code, json.data], [200, { b: '2' }])
  const other = await apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ssa' }, data: { b: '3' } },
    'fieldManager=you',
  )
  assert.deepEqual([other.code, other.json.message], [409, 'Apply failed with 1 conflict: conflict with "me": .data.b'])
  assert.equal(
    (await call(`${maps}/ssa`, { method: 'PATCH', body: {}, headers: { 'content-type': 'text/plain' } })).code,
    415,
  )
})
