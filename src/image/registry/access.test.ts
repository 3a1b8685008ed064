import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import type { PullOptions } from '../pull.ts'
import { refuse, serveRegistry, type TestRegistry } from '../testing/registry.ts'
import { world } from '../testing/store.ts'
import { tar } from '../testing/tar.ts'
import { parseDockerConfig } from './keyring.ts'

const layers = ['a', 'b', 'c', 'd'].map((name) => tar([{ path: name, body: name }]))
const ring = (registry: TestRegistry, ...users: string[]): Pick<PullOptions, 'credentials'> => ({
  credentials: users.map((user) =>
    parseDockerConfig({ auths: { [registry.host]: { auth: Buffer.from(user).toString('base64') } } }, 'test'),
  ),
})

test('nothing is shown to a registry that does not ask', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  registry.push('web:1', layers)
  await store.pull(`${registry.host}/web:1`, ring(registry, 'me:secret'))
  assert.deepEqual(new Set(registry.asked.map(({ authorization }) => authorization)), new Set([undefined]))
})

test('anybody gets a token where the registry wants one', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { auth: { kind: 'token', users: [], anybody: true } })
  registry.push('web:1', layers)
  await store.pull(`${registry.host}/web:1`)
  const tokens = registry.asked.filter(({ path }) => path.startsWith('/token'))
  assert.deepEqual(
    tokens.map(({ path, authorization }) => [path, authorization]),
    [['/token?service=test&scope=repository%3Ax%3Apull', undefined]],
  )
})

for (const kind of ['basic', 'token'] as const)
  test(`the credentials that fit are tried in their order (${kind})`, async (t) => {
    const { store } = world(t)
    const registry = await serveRegistry(t, { auth: { kind, users: ['me:secret'] } })
    registry.push('web:1', layers)
    const name = `${registry.host}/web:1`
    const unauthorized = { code: 'Unauthorized', message: /does not give manifest web:1 to who asks so/ }
    await assert.rejects(store.pull(name), unauthorized)
    await assert.rejects(store.pull(name, ring(registry, 'you:secret', 'me:wrong')), unauthorized)
    const elsewhere = parseDockerConfig({ auths: { 'other.example': { username: 'me', password: 'secret' } } }, 'test')
    await assert.rejects(store.pull(name, { credentials: [elsewhere] }), unauthorized)
    assert.equal(existsSync(store.folder), false)
    await store.pull(name, ring(registry, 'me:wrong', 'you:secret', 'me:secret'))
    assert.equal(store.list().length, 1)
  })

test('a token that grows old while layers come is asked for again, once for all of them', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { auth: { kind: 'token', users: ['me:secret'] } })
  const { blobs } = registry.push('web:1', layers)
  let old = false
  registry.intercept = (_, __, path) => {
    if (!old && blobs.some((digest) => path.endsWith(digest))) {
      old = true
      registry.tokens.clear()
    }
    return false
  }
  await store.pull(`${registry.host}/web:1`, ring(registry, 'me:secret'))
  assert.equal(registry.asked.filter(({ path }) => path.startsWith('/token')).length, 2)
})

test('an identity token is exchanged, and a registry token shown as it is', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { auth: { kind: 'token', users: [] } })
  registry.push('web:1', layers)
  let form = ''
  registry.intercept = (request, response, path) => {
    if (!path.startsWith('/token')) return false
    request.on('data', (chunk: Buffer) => (form += chunk.toString()))
    request.on('end', () => {
      registry.tokens.add('fresh')
      response.end(JSON.stringify({ access_token: 'fresh' }))
    })
    return true
  }
  const ringOf = (entry: object): PullOptions => ({
    credentials: [parseDockerConfig({ auths: { [registry.host]: entry } }, 'test')],
  })
  await store.pull(`${registry.host}/web:1`, ringOf({ auth: 'bWU6', identitytoken: 'mine' }))
  assert.deepEqual(Object.fromEntries(new URLSearchParams(form)), {
    grant_type: 'refresh_token',
    client_id: 'kubehop',
    scope: 'repository:x:pull',
    refresh_token: 'mine',
    service: 'test',
  })
  await store.pull(`${registry.host}/web:1`, ringOf({ registrytoken: 'fresh' }))
  assert.equal(registry.asked.filter(({ path }) => path.startsWith('/token')).length, 1)
})

test('who has the blobs elsewhere is not shown what was meant for the registry', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { auth: { kind: 'basic', users: ['me:secret'] } })
  const elsewhere = await serveRegistry(t, { host: '127.0.0.2' })
  registry.push('web:1', layers)
  registry.intercept = ({ headers }, response, path) => {
    if (!path.includes('/blobs/') || headers.authorization === undefined) return false
    // Within the registry first, where the credentials still count.
    const to = path.includes('?') ? `http://me:secret@${elsewhere.host}${path}` : `${path}?again`
    response.writeHead(307, { location: to }).end()
    return true
  }
  elsewhere.intercept = (_, response, path) => {
    response.end(registry.blobs.get(/sha256:[0-9a-f]+/.exec(path)?.[0] ?? ''))
    return true
  }
  await store.pull(`${registry.host}/web:1`, ring(registry, 'me:secret'))
  assert.equal(elsewhere.asked.length, 5)
  assert.deepEqual(new Set(elsewhere.asked.map(({ authorization }) => authorization)), new Set([undefined]))
  assert.ok(registry.asked.some(({ path, authorization }) => path.includes('?again') && authorization !== undefined))
})

test('a refusal by who has the blobs does not make the registry get other credentials', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { auth: { kind: 'basic', users: ['me:secret'] } })
  const elsewhere = await serveRegistry(t, { host: '127.0.0.2' })
  registry.push('web:1', layers)
  registry.intercept = (_, response, path) => {
    if (!path.includes('/blobs/')) return false
    response.writeHead(307, { location: `http://${elsewhere.host}/x` }).end()
    return true
  }
  elsewhere.intercept = (_, response) => {
    refuse(response, 401, 'DENIED', { 'www-authenticate': `Bearer realm="${elsewhere.origin}/token"` })
    return true
  }
  const options = { ...ring(registry, 'me:secret', 'me:other'), limits: { atOnce: 1 } }
  await assert.rejects(store.pull(`${registry.host}/web:1`, options), { code: 'Unauthorized' })
  assert.deepEqual(
    elsewhere.asked.map(({ path }) => path),
    ['/x'],
  )
})
