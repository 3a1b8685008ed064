import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Connection } from '../client/http.ts'
import { type TestApi, testApi } from '../testing.ts'

let cluster: TestApi
let admin: Agent
before(async () => {
  cluster = await testApi()
  admin = agentFor(cluster.as('admin'))
})
after(async () => {
  admin.destroy()
  await cluster[Symbol.asyncDispose]()
})

function agentFor({ ca, cert, key }: Connection): Agent {
  return new Agent({ keepAlive: true, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
}

interface Call {
  method?: string
  body?: unknown
  headers?: Record<string, string>
  agent?: Agent
}

function open(
  path: string,
  { method = 'GET', body, headers = {}, agent = admin }: Call = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
    const request = httpsRequest(
      `${cluster.server}${path}`,
      { method, headers: { ...(text && { 'content-type': 'application/json' }), ...headers }, agent },
      resolve,
    )
    request.on('error', reject)
    request.end(text)
  })
}

type Answer = { code: number; headers: IncomingMessage['headers']; text: string; json: any }

async function call(path: string, options?: Call): Promise<Answer> {
  const response = await open(path, options)
  const chunks: Buffer[] = []
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk)
  const text = Buffer.concat(chunks).toString('utf8')
  const json: unknown = text !== '' && response.headers['content-type']?.includes('json') ? JSON.parse(text) : undefined
  return { code: response.statusCode ?? 0, headers: response.headers, text, json }
}

/** The first events of a watch. */
async function events(
  path: string,
  count: number,
  headers: Record<string, string> = {},
): Promise<{ type: string; object: any }[]> {
  const response = await open(path, { headers })
  assert.equal(response.statusCode, 200)
  let text = ''
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString('utf8')
    if (text.split('\n').length > count) break
  }
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const maps = '/api/v1/namespaces/default/configmaps'

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

test('without a name one may only ask whether the server lives', async () => {
  const nobody = agentFor({ server: cluster.server, ca: cluster.authority.cert })
  for (const path of ['/healthz', '/readyz', '/livez', '/version'])
    assert.equal((await call(path, { agent: nobody })).code, 200, path)
  for (const path of ['/api', '/api/v1/pods', '/openapi/v3', '/metrics', '/'])
    assert.equal((await call(path, { agent: nobody })).code, 403, path)
  assert.equal((await call('/healthz', { agent: nobody, method: 'POST', body: {} })).code, 403)
  const bad = await call('/api', { agent: nobody, headers: { authorization: 'Bearer a.b.c' } })
  assert.deepEqual([bad.code, bad.json.reason], [401, 'Unauthorized'])
  nobody.destroy()
})

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
    const request = httpsRequest(`${cluster.server}${path}`, { method: 'POST', agent: admin })
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
  const request = httpsRequest(`${cluster.server}${maps}`, { method: 'POST', agent: admin })
  request.on('error', () => {})
  request.write('{"metadata":')
  await new Promise((resolve) => setTimeout(resolve, 50))
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

test('pages of a list show it as it was at the first one', async () => {
  const path = '/api/v1/namespaces/kube-public/configmaps'
  for (const name of ['a', 'b', 'c', 'd', 'e']) await call(path, { method: 'POST', body: { metadata: { name } } })
  const first = (await call(`${path}?limit=2`)).json
  assert.deepEqual([first.items.length, first.metadata.remainingItemCount], [2, 3])
  await call(`${path}/c`, { method: 'DELETE' })
  const names: string[] = first.items.map((one: { metadata: { name: string } }) => one.metadata.name)
  for (let next = first.metadata.continue; next; ) {
    const { json } = await call(`${path}?limit=2&continue=${next}`)
    assert.equal(json.metadata.resourceVersion, first.metadata.resourceVersion)
    names.push(...json.items.map((one: { metadata: { name: string } }) => one.metadata.name))
    next = json.metadata.continue
  }
  assert.deepEqual(names, ['a', 'b', 'c', 'd', 'e'])
  assert.equal((await call(`${path}?limit=2&continue=bm8`)).code, 400)
  const forgotten = Buffer.from('{"id":"x","at":2}').toString('base64url')
  assert.equal((await call(`${path}?limit=2&continue=${forgotten}`)).code, 410)
  const { json } = await call(path, { method: 'DELETE' })
  assert.equal(json.items.length, 4)
  assert.equal((await call(path)).json.items.length, 0)
})

test('resource versions: any, not older than, exactly', async () => {
  const now = Number((await call(maps)).json.metadata.resourceVersion)
  const rows: [string, number][] = [
    ['resourceVersion=0', 200],
    [`resourceVersion=${now}`, 200],
    ['resourceVersion=1', 200],
    [`resourceVersion=${now}&resourceVersionMatch=Exact`, 200],
    ['resourceVersion=1&resourceVersionMatch=Exact', 410],
    [`resourceVersion=${now + 1000}`, 504],
    ['resourceVersionMatch=Exact', 400],
    [`resourceVersion=${now}&resourceVersionMatch=Roughly`, 400],
    ['resourceVersion=abc', 400],
  ]
  for (const [query, code] of rows) assert.equal((await call(`${maps}?${query}`)).code, code, query)
})

test('a watch tells what is there, then what changes', async () => {
  const path = '/api/v1/namespaces/kube-node-lease/configmaps'
  await call(path, { method: 'POST', body: { metadata: { name: 'w', labels: { a: 'b' } } } })
  const seen = events(`${path}?watch=true&labelSelector=a%3Db`, 4)
  const stream = events(`${path}?watch=1&fieldSelector=metadata.name%3Dw`, 4)
  await Promise.resolve()
  // The watches have begun when their first event is here; the changes come after.
  await untilWatched()
  await call(`${path}/w`, {
    method: 'PATCH',
    body: { data: { x: '1' } },
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  await call(`${path}/w`, {
    method: 'PATCH',
    body: { metadata: { labels: { a: null } } },
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  await call(`${path}/w`, {
    method: 'PATCH',
    body: [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }],
    headers: { 'content-type': 'application/json-patch+json' },
  })
  assert.deepEqual(
    (await seen).map((one) => one.type),
    ['ADDED', 'MODIFIED', 'DELETED', 'ADDED'],
  )
  assert.deepEqual(
    (await stream).map((one) => one.type),
    ['ADDED', 'MODIFIED', 'MODIFIED', 'MODIFIED'],
  )
})

/** Two watches of config maps are on. */
async function untilWatched(): Promise<void> {
  for (let i = 0; i < 500 && cluster.api.registry.store.watching('ConfigMap') < 2; i++) await new Promise(setImmediate)
}

test('a watch list ends its first part with a bookmark that says so', async () => {
  const query =
    'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&resourceVersion='
  const seen = await events(`/api/v1/namespaces?${query}`, 5)
  assert.deepEqual(
    seen.map((one) => one.type),
    ['ADDED', 'ADDED', 'ADDED', 'ADDED', 'BOOKMARK'],
  )
  assert.deepEqual(seen[4]?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
  assert.equal(seen[4]?.object.kind, 'Namespace')
  const wrong = await call('/api/v1/namespaces?watch=true&sendInitialEvents=true&allowWatchBookmarks=true')
  assert.deepEqual([wrong.code, wrong.json.reason], [422, 'Invalid'])
})

test('a watch from a forgotten or future revision says that it must list again', async () => {
  for (let i = 0; i < 5000; i++)
    cluster.api.registry.store.put('Lease', {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'l', namespace: 'default' },
    })
  const [old] = await events('/apis/coordination.k8s.io/v1/leases?watch=true&resourceVersion=1', 1)
  assert.deepEqual([old?.type, old?.object.code, old?.object.reason], ['ERROR', 410, 'Expired'])
  const future = await call('/api/v1/namespaces?watch=true&resourceVersion=99999999')
  assert.deepEqual([future.code, future.json.reason], [410, 'Expired'])
})

test('a watch ends when its time is over', async () => {
  const began = Date.now()
  assert.equal((await call('/api/v1/nodes?watch=true&timeoutSeconds=1')).code, 200)
  assert.ok(Date.now() - began < 5000)
})

test('a watch whose client does not read ends in peace, whatever happens afterwards', async () => {
  const make = async (name: string, size: number): Promise<void> => {
    const body = { metadata: { name }, data: { text: 'x'.repeat(size) } }
    assert.equal((await call('/api/v1/namespaces/default/configmaps', { method: 'POST', body })).code, 201)
  }
  const watch = await open('/api/v1/configmaps?watch=true&timeoutSeconds=1')
  watch.pause()
  const began = Date.now()
  // More than sockets hold: its end stays unsaid.
  for (let i = 0; i < 12; i++) await make(`large-${i}`, 900_000)
  await pause(began + 1500 - Date.now())
  await make('after', 1)
  assert.equal((await call('/api/v1/namespaces/default/configmaps/after')).code, 200)
  watch.destroy()
})

test('tables, metadata and whole objects are different forms of the same', async () => {
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'
  const { json } = await call('/api/v1/namespaces', { headers: { accept: table } })
  assert.deepEqual(
    json.columnDefinitions.map((one: { name: string }) => one.name),
    ['Name', 'Status', 'Age'],
  )
  assert.deepEqual(json.rows[0].cells.slice(0, 2), ['default', 'Active'])
  assert.equal(json.rows[0].object.kind, 'PartialObjectMetadata')
  const one = await call('/api/v1/namespaces/default?includeObject=Object', { headers: { accept: table } })
  assert.equal(one.json.rows[0].object.kind, 'Namespace')
  const [first, second] = await events('/api/v1/namespaces?watch=true', 2, { accept: table })
  assert.equal(first?.object.columnDefinitions.length, 3)
  assert.equal(second?.object.columnDefinitions, null)
  const metadata = await call('/api/v1/namespaces', {
    headers: { accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1' },
  })
  assert.deepEqual(
    [metadata.json.kind, metadata.json.items[0].kind, metadata.json.items[0].status],
    ['PartialObjectMetadataList', 'PartialObjectMetadata', undefined],
  )
})

test('tokens are made on request, and reviews answer for oneself', async () => {
  await call('/api/v1/namespaces/default/serviceaccounts', { method: 'POST', body: { metadata: { name: 'sa' } } })
  const { code, json } = await call('/api/v1/namespaces/default/serviceaccounts/sa/token', {
    method: 'POST',
    body: { spec: { expirationSeconds: 3600 } },
  })
  assert.equal(code, 201)
  const claims = JSON.parse(Buffer.from(json.status.token.split('.')[1], 'base64url').toString('utf8'))
  assert.equal(claims.sub, 'system:serviceaccount:default:sa')
  assert.equal(claims.exp - claims.iat, 3600)
  const agent = agentFor({ server: cluster.server, ca: cluster.authority.cert })
  const asked = (verb: string, resource: string): Promise<Answer> =>
    call('/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', {
      method: 'POST',
      agent,
      headers: { authorization: `Bearer ${json.status.token}` },
      body: { spec: { resourceAttributes: { verb, resource } } },
    })
  assert.equal((await asked('list', 'pods')).json.status.allowed, true)
  assert.equal((await asked('list', 'secrets')).json.status.allowed, false)
  assert.equal((await asked('delete', 'pods')).json.status.allowed, false)
  const exec = await call('/api/v1/namespaces/default/pods/x/exec?command=sh', {
    agent,
    headers: { authorization: `Bearer ${json.status.token}` },
  })
  assert.equal(exec.code, 403)
  agent.destroy()
  assert.equal(
    (
      await call('/api/v1/namespaces/default/serviceaccounts/sa/token', {
        method: 'POST',
        body: { spec: { expirationSeconds: 1 } },
      })
    ).code,
    422,
  )
  assert.equal(
    (await call('/api/v1/namespaces/default/serviceaccounts/absent/token', { method: 'POST', body: {} })).code,
    404,
  )
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
