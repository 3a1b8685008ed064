import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { makeAuthority, makeServerCertificate } from '../../src/api/certificates/certificates.ts'
import { address } from '../../src/base/address.ts'
import { parseDockerConfig } from '../../src/image/registry/keyring.ts'
import { ImageStore } from '../../src/image/store.ts'
import { TestRegistry } from '../../src/image/testing/registry.ts'
import { tar } from '../../src/image/testing/tar.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'

const program = process.env['REGISTRY']
const skip = program === undefined ? "Docker's registry is not here" : false
const authority = makeAuthority('test')
// A hash of bcrypt's own test vectors, and its password.
const user = { name: 'me', hash: '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW', password: 'U*U' }
const large = tar([{ path: 'large', body: randomBytes(3_000_000) }])
const small = tar([{ path: 'small', body: 'small' }])

test("images are pulled from Docker's own registry, over TLS and with its credentials", { skip }, async (t) => {
  const { store, registry, content } = await place(t)
  const single = content.push('team/web:1', [small, large])
  const docker = content.push('team/web:2', [small], { docker: true })
  const index = content.push('team/web:3', [small, large], { index: true })
  await fill(registry, content)
  const options = { authorities: [authority.cert], credentials: [login(registry, user.password)] }
  const pull = (name: string): Promise<unknown> => store.pull(`${registry}/${name}`, options)
  for (const [name, { digest }] of [
    ['1', single],
    ['2', docker],
    ['3', index],
  ] as const) {
    const image = await store.pull(`${registry}/team/web:${name}`, options)
    assert.ok(image.digests.includes(`${registry}/team/web@${digest}`))
  }
  await pull(`team/web@${index.digest}`)
  assert.equal(store.list().length, 2)
  await assert.rejects(pull('team/web:none'), {
    code: 'NoImage',
    message: /has no manifest team\/web:none: "MANIFEST_UNKNOWN: /,
  })
  await assert.rejects(pull('none'), { code: 'NoImage', message: /"MANIFEST_UNKNOWN: |"NAME_UNKNOWN: / })
  const others = { authorities: [authority.cert], credentials: [login(registry, 'wrong')] }
  await assert.rejects(store.pull(`${registry}/team/web:1`, others), {
    code: 'Unauthorized',
    message: /"UNAUTHORIZED: /,
  })
  await assert.rejects(store.pull(`${registry}/team/web:1`, { credentials: options.credentials }), {
    code: 'BadCertificate',
  })
})

test('a layer goes on where its connection broke', { skip }, async (t) => {
  const { store, registry, content } = await place(t)
  content.push('web:1', [large])
  await fill(registry, content)
  // What comes through is cut after each 0.8 MB and up to 64 KiB: three times, wherever in a chunk it happens.
  let bytes = 0
  const cutting = createServer((near) => {
    const far = connect(Number(registry.split(':')[1]), '127.0.0.1')
    let passed = 0
    far.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      passed += chunk.length
      // Only when it is through, so that little is lost on the way.
      far.pause()
      near.write(chunk, () => (passed > 800_000 ? near.destroy() : far.resume()))
    })
    near.pipe(far)
    const end = (socket: Socket) => (): void => void socket.destroy()
    near.on('error', end(far)).on('close', end(far))
    far.on('error', end(near)).on('close', end(near))
  }).listen(0, '127.0.0.1')
  t.after(() => cutting.close())
  await once(cutting, 'listening')
  const host = `127.0.0.1:${(cutting.address() as AddressInfo).port}`
  let retries = 0
  const image = await store.pull(`${host}/web:1`, {
    authorities: [authority.cert],
    credentials: [login(host, user.password)],
    limits: { retryMs: 1 },
    onProgress: ({ kind }) => void (retries += kind === 'retry' ? 1 : 0),
  })
  assert.equal(image.layers[0]?.bytes, 3_000_000)
  assert.equal(retries, 3)
  // Once and a little more, not once for each try.
  assert.ok(bytes < 4_500_000, `${bytes} bytes`)
})

const login = (host: string, password: string): ReturnType<typeof parseDockerConfig> =>
  parseDockerConfig({ auths: { [host]: { username: user.name, password } } }, 'test')

/** Docker's registry, empty, and a store. `content` is what `fill` puts into it. */
async function place(t: TestContext): Promise<{ store: ImageStore; registry: string; content: TestRegistry }> {
  {
    using routes = openRouteSocket()
    routes.apply(setLink('lo', { up: true }))
  }
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-registry-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { cert, key } = makeServerCertificate(authority, { name: 'registry' }, [address('127.0.0.1')])
  const files = { cert, key, htpasswd: `${user.name}:${user.hash}\n` }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  const at = (name: string): string => JSON.stringify(join(folder, name))
  const config = `
version: 0.1
log: { level: info, formatter: json }
storage: { filesystem: { rootdirectory: ${at('data')} } }
auth: { htpasswd: { realm: test, path: ${at('htpasswd')} } }
http: { addr: "127.0.0.1:0", tls: { certificate: ${at('cert')}, key: ${at('key')} } }
`
  writeFileSync(join(folder, 'config.yml'), config)
  const child = spawn(program ?? '', ['serve', join(folder, 'config.yml')], { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  let said = ''
  for await (const line of createInterface(child.stderr)) {
    said += line
    const port = /listening on 127\.0\.0\.1:(\d+)/.exec(line)?.[1]
    if (port === undefined) continue
    child.stderr.resume()
    return {
      store: new ImageStore(join(folder, 'store')),
      registry: `127.0.0.1:${port}`,
      content: new TestRegistry('', {}),
    }
  }
  throw new Error(`the registry does not begin: ${said}`)
}

/** Pushes everything, as the distribution specification has it: blobs, then manifests, those of images before indexes. */
async function fill(registry: string, { blobs, manifests }: TestRegistry): Promise<void> {
  for (const repository of new Set([...manifests.keys()].map((name) => name.slice(0, name.indexOf(':'))))) {
    for (const [digest, body] of blobs) {
      const { location } = await ask(registry, 'POST', `/v2/${repository}/blobs/uploads/`, 202)
      const { pathname, search } = new URL(location ?? '', `https://${registry}`)
      await ask(
        registry,
        'PUT',
        `${pathname}${search}&digest=${encodeURIComponent(digest)}`,
        201,
        body,
        'application/octet-stream',
      )
    }
  }
  const all = [...manifests].sort(
    ([, a], [, b]) => Number(/index|list/.test(a.type)) - Number(/index|list/.test(b.type)),
  )
  for (const [name, { type, body }] of all) {
    const colon = name.indexOf(':')
    await ask(registry, 'PUT', `/v2/${name.slice(0, colon)}/manifests/${name.slice(colon + 1)}`, 201, body, type)
  }
}

async function ask(
  registry: string,
  method: string,
  path: string,
  expected: number,
  body?: Buffer,
  type?: string,
): Promise<{ location?: string | undefined }> {
  const headers = { ...(type !== undefined && { 'content-type': type }), 'content-length': body?.length ?? 0 }
  const auth = `${user.name}:${user.password}`
  const asked = request(`https://${registry}${path}`, { method, headers, auth, ca: authority.cert })
  asked.end(body)
  const [response] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
  const text = (await response.toArray()).join('')
  assert.equal(response.statusCode, expected, `${method} ${path}: ${text}`)
  return response.headers
}
