import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { makeAuthority, makeServerCertificate } from '../../api/certificates/certificates.ts'
import { serveRegistry } from '../testing/registry.ts'
import { world } from '../testing/store.ts'
import { tar } from '../testing/tar.ts'

const layer = tar([{ path: 'a', body: 'a' }])
const authority = makeAuthority('test')
const tls = makeServerCertificate(authority, { name: 'registry' }, [address('127.0.0.1')])
/** This machine, too; but not by the name of this machine, so nothing is allowed there that is not anywhere. */
const away = '0.0.0.0'

test('a registry is believed whose authority is trusted', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { tls })
  registry.push('web:1', [layer])
  await store.pull(`${registry.host}/web:1`, { authorities: [authority.cert] })
  assert.equal(store.list().length, 1)
})

test('a registry that nobody vouches for is refused, unless it is called insecure', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { tls, host: away })
  registry.push('web:1', [layer])
  const name = `${registry.host}/web:1`
  await assert.rejects(store.pull(name), {
    code: 'BadCertificate',
    message: /cannot be trusted .* call the registry insecure/,
  })
  // Trusted, but for another name.
  await assert.rejects(store.pull(name, { authorities: [authority.cert] }), { code: 'BadCertificate' })
  await assert.rejects(store.pull(name, { insecure: ['other.example'] }), { code: 'BadCertificate' })
  assert.equal(registry.asked.length, 0)
  assert.equal(existsSync(store.folder), false)
  await store.pull(name, { insecure: [registry.host] })
  assert.equal(store.list().length, 1)
})

test('plain HTTP is spoken with this machine, and with registries that are called insecure', async (t) => {
  const { store } = world(t)
  const [near, far] = [await serveRegistry(t, { host: '127.0.0.9' }), await serveRegistry(t, { host: away })]
  for (const registry of [near, far]) registry.push('web:1', [layer])
  await store.pull(`${near.host}/web:1`)
  await assert.rejects(store.pull(`${far.host}/web:1`), {
    code: 'PlainHttp',
    message: /plain HTTP .* call the registry insecure/,
  })
  assert.equal(far.asked.length, 0)
  await store.pull(`${far.host}/web:1`, { insecure: [far.host] })
  assert.equal(store.list()[0]?.names.length, 2)
})

test('a registry that speaks TLS leads to plain HTTP neither for blobs nor for tokens', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { tls })
  const plain = await serveRegistry(t, { host: away })
  registry.push('web:1', [layer])
  const pull = (): Promise<unknown> => store.pull(`${registry.host}/web:1`, { authorities: [authority.cert] })
  registry.intercept = (_, response, path) => {
    if (path.includes('/blobs/')) response.writeHead(307, { location: `${plain.origin}${path}` }).end()
    return path.includes('/blobs/')
  }
  await assert.rejects(pull(), { code: 'BadRedirect', message: /leads to plain HTTP/ })
  registry.intercept = (_, response) => {
    response.writeHead(401, { 'www-authenticate': `Bearer realm="${plain.origin}/token"` }).end()
    return true
  }
  await assert.rejects(pull(), { code: 'PlainHttp', message: /as its token service/ })
  assert.equal(plain.asked.length, 0)
})

test('a registry elsewhere leads to nothing on this machine', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t, { host: away })
  const near = await serveRegistry(t)
  registry.push('web:1', [layer])
  registry.intercept = (_, response, path) => {
    if (path.includes('/blobs/')) response.writeHead(307, { location: `${near.origin}${path}` }).end()
    return path.includes('/blobs/')
  }
  const options = { insecure: [registry.host] }
  await assert.rejects(store.pull(`${registry.host}/web:1`, options), {
    code: 'BadRedirect',
    message: /on this machine/,
  })
  assert.equal(near.asked.length, 0)
})
