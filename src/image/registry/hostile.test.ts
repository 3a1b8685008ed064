import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { KubehopError } from '../../base/errors.ts'
import type { PullOptions } from '../pull.ts'
import { refuse, serveRegistry, type TestRegistry } from '../testing/registry.ts'
import { world } from '../testing/store.ts'
import { tar } from '../testing/tar.ts'

// Random, so that packing does not make it small.
const layer = tar([{ path: 'a', body: randomBytes(200_000) }])
const limits = { retryMs: 1, tries: 3, connectMs: 2000, answerMs: 300, slowMs: 200, slowBytes: 1000, redirects: 4 }

interface Row {
  about: string
  code: string
  says: RegExp
  options?: PullOptions
  /** Makes the registry hostile. `digest` is that of the layer's blob. */
  make(registry: TestRegistry, digest: string): void
}

const onBlob =
  (answer: (response: ServerResponse, blob: Buffer, request: IncomingMessage) => void): Row['make'] =>
  (registry, digest) => {
    registry.intercept = (request, response, path) => {
      if (!path.endsWith(digest)) return false
      answer(response, registry.blobs.get(digest) ?? Buffer.alloc(0), request)
      return true
    }
  }
const onManifest =
  (answer: (response: ServerResponse, request: IncomingMessage) => void): Row['make'] =>
  (registry) => {
    registry.intercept = (request, response, path) => {
      if (!path.includes('/manifests/')) return false
      answer(response, request)
      return true
    }
  }
const manifest =
  (change: (said: Record<string, unknown>) => unknown): Row['make'] =>
  (registry) => {
    const { type, body } = registry.manifests.get('web:1') ?? { type: '', body: Buffer.alloc(0) }
    const changed = change(JSON.parse(body.toString()) as Record<string, unknown>)
    registry.manifest('web:1', type, Buffer.isBuffer(changed) ? changed : (changed as object))
  }
const endless = (response: ServerResponse): void => {
  const more = (): void => {
    while (response.write(Buffer.alloc(65_536, 0x20)));
    response.once('drain', more)
  }
  more()
}

const rows: Row[] = [
  {
    about: 'a blob with another digest',
    code: 'BadDigest',
    says: /^layer 1 of 1: 127.0.0.1:\d+ sends sha256:.* in the place of sha256:/,
    make: onBlob((response, blob) => response.end(Buffer.from(blob).reverse())),
  },
  {
    about: 'a blob that never ends',
    code: 'TooLarge',
    says: /sends more for sha256:/,
    make: onBlob(endless),
  },
  {
    about: 'a blob with a wrong length',
    code: 'BadDigest',
    says: /has 7 bytes for sha256:.* its manifest says/,
    make: onBlob((response) => response.writeHead(200, { 'content-length': 7 }).end('seven b')),
  },
  {
    about: 'a blob that ends early, again and again',
    code: 'BadAnswer',
    says: /broke off after 0 of \d+ bytes, 3 times: .* ends sha256:/,
    make: onBlob((response) => response.writeHead(200, { 'transfer-encoding': 'chunked' }).end()),
  },
  {
    about: 'a blob whose length is a lie',
    code: 'Unreachable',
    says: /broke off after \d+ of \d+ bytes, 3 times/,
    make: onBlob((response, blob, request) => {
      if (request.headers.range === undefined) {
        response.writeHead(200, { 'content-length': blob.length })
        response.write(blob.subarray(0, 1000))
      }
      setTimeout(() => response.destroy(), 20)
    }),
  },
  {
    about: 'a blob that comes byte by byte',
    code: 'TooSlow',
    says: /less than 1000 bytes in 0.2 s/,
    make: onBlob((response, blob) => {
      let at = 0
      response.writeHead(200)
      const timer = setInterval(() => response.write(blob.subarray(at, ++at)), 10)
      response.once('close', () => clearInterval(timer))
    }),
  },
  {
    about: 'a blob that is not there',
    code: 'NoImage',
    says: /^layer 1 of 1: 127.0.0.1:\d+ has no blob sha256:/,
    make: onBlob((response) => refuse(response, 404, 'BLOB_UNKNOWN')),
  },
  {
    about: 'another part than was asked for',
    code: 'BadAnswer',
    says: /another part of the blob/,
    make: onBlob((response, blob, { headers }) => {
      if (headers.range) {
        response.writeHead(206, { 'content-range': `bytes 0-${blob.length - 1}/${blob.length}` }).end(blob)
        return
      }
      response.writeHead(200, { 'content-length': blob.length })
      response.write(blob.subarray(0, 1000))
      setTimeout(() => response.destroy(), 20)
    }),
  },
  {
    about: 'a redirect in a circle',
    code: 'BadRedirect',
    says: /to no end/,
    make: onBlob((response, _, { url }) => response.writeHead(307, { location: url }).end()),
  },
  {
    about: 'a redirect to nowhere',
    code: 'BadRedirect',
    says: /leads to "", which is no address/,
    make: onBlob((response) => response.writeHead(307).end()),
  },
  {
    about: 'a redirect to a file',
    code: 'BadRedirect',
    says: /leads to "file:\/\/\/etc\/passwd"/,
    make: onBlob((response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end()),
  },
  {
    about: 'a layer that is a bomb',
    code: 'TooLarge',
    says: /more than 10 times as large/,
    options: { limits: { ratio: 10, ratioFrom: 1000 } },
    make(registry) {
      registry.push('web:1', [tar([{ path: 'zeros', body: Buffer.alloc(1_000_000) }])])
    },
  },
  {
    about: 'layers that say to be endless',
    code: 'TooLarge',
    says: /the layers of .* have 1000000000000000 bytes/,
    make: manifest((said) => ({ ...said, layers: [{ ...(said['layers'] as object[])[0], size: 1e15 }] })),
  },
  {
    about: 'a configuration that says to be endless',
    code: 'TooLarge',
    says: /the configuration of web:1 has 1000000000 bytes/,
    make: manifest((said) => ({ ...said, config: { ...(said['config'] as object), size: 1e9 } })),
  },
  {
    about: 'a manifest that never ends',
    code: 'TooLarge',
    says: /manifest web:1 .*more than 4194304 bytes/,
    make: onManifest(endless),
  },
  {
    about: 'a manifest that comes byte by byte',
    code: 'TooSlow',
    says: /does not come to the end of manifest web:1/,
    make: onManifest((response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 10)
      response.once('close', () => clearInterval(timer))
    }),
  },
  {
    about: 'no answer at all',
    code: 'TooSlow',
    says: /does not answer within 0.3 s/,
    make: onManifest(() => undefined),
  },
  {
    about: 'a manifest that is no JSON',
    code: 'BadJson',
    says: /the manifest of web:1 is no JSON/,
    make: manifest(() => Buffer.from('<html>')),
  },
  {
    about: 'a manifest that is an index, too',
    code: 'BadJson',
    says: /an index and a manifest in one/,
    make: manifest((said) => ({ ...said, manifests: [] })),
  },
  {
    about: "a manifest of Docker's first format",
    code: 'OldFormat',
    says: /push the image again/,
    make: manifest(() => ({ schemaVersion: 1 })),
  },
  {
    about: 'a manifest that is not what its header says',
    code: 'BadDigest',
    says: /sends "sha256:/,
    make: onManifest((response) =>
      response.writeHead(200, { 'docker-content-digest': `sha256:${'0'.repeat(64)}` }).end('{}'),
    ),
  },
  {
    about: 'a chart',
    code: 'NotAnImage',
    says: /"application\/vnd.cncf.helm.config.v1\+json"/,
    make: manifest((said) => ({
      ...said,
      config: { ...(said['config'] as object), mediaType: 'application/vnd.cncf.helm.config.v1+json' },
    })),
  },
  {
    about: 'an encrypted layer',
    code: 'NotAnImage',
    says: /tar\+gzip\+encrypted/,
    make: manifest((said) => ({
      ...said,
      layers: [
        { ...(said['layers'] as object[])[0], mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip+encrypted' },
      ],
    })),
  },
  {
    about: 'an image for another processor',
    code: 'WrongPlatform',
    says: /"linux\/riscv64"/,
    make: (registry) => void registry.push('web:1', [layer], { architecture: 'riscv64' }),
  },
  {
    about: 'a configuration of wrong types',
    code: 'BadJson',
    says: /config.Cmd in the configuration of .* is no list/,
    make: (registry) => void registry.push('web:1', [layer], { config: { Cmd: 'sh' } }),
  },
  {
    about: 'no such image',
    code: 'NoImage',
    says: /has no manifest web:1: "MANIFEST_UNKNOWN: no": look at/,
    make: (registry) => registry.manifests.clear(),
  },
  {
    about: 'too many pulls',
    code: 'RateLimited',
    says: /"TOOMANYREQUESTS: no": try again after "60" s/,
    make: onManifest((response) => refuse(response, 429, 'TOOMANYREQUESTS', { 'retry-after': '60' })),
  },
  {
    about: 'an error of the registry, with an endless reason',
    code: 'RegistryError',
    says: /answers 500 when asked for manifest web:1$/,
    make: onManifest((response) => endless(response.writeHead(500))),
  },
  {
    about: 'an unknown way to say who asks',
    code: 'Unauthorized',
    says: /asks for negotiate, ntlm/,
    make: onManifest((response) => refuse(response, 401, '', { 'www-authenticate': 'Negotiate abc==, NTLM' })),
  },
  {
    about: 'a token service that is none',
    code: 'BadAnswer',
    says: /names "file:\/\/\/etc\/passwd" as its token service/,
    make: onManifest((response) =>
      refuse(response, 401, '', { 'www-authenticate': 'Bearer realm="file:///etc/passwd"' }),
    ),
  },
  {
    about: 'a token with a line break in it',
    code: 'BadAnswer',
    says: /characters that no header takes/,
    make(registry) {
      registry.intercept = (_, response, path) => {
        if (path.startsWith('/token')) response.end(JSON.stringify({ token: 'a\r\nb: c' }))
        else refuse(response, 401, '', { 'www-authenticate': `Bearer realm="${registry.origin}/token"` })
        return true
      }
    },
  },
  {
    about: 'tokens that are never good',
    code: 'Unauthorized',
    says: /is the name right, and are there credentials/,
    make(registry) {
      registry.intercept = (_, response, path) => {
        if (path.startsWith('/token')) response.end(JSON.stringify({ token: 'x' }))
        else refuse(response, 401, '', { 'www-authenticate': `Bearer realm="${registry.origin}/token"` })
        return true
      }
    },
  },
]

for (const { about, code, says, make, options } of rows)
  test(`${about} is refused, and leaves nothing`, async (t) => {
    const { store } = world(t)
    const registry = await serveRegistry(t)
    const { blobs } = registry.push('web:1', [layer])
    make(registry, blobs[0] ?? '')
    const error = await store
      .pull(`${registry.host}/web:1`, { ...options, limits: { ...limits, ...options?.limits } })
      .then(
        () => assert.fail('it was taken'),
        (error: unknown) => error,
      )
    assert.ok(error instanceof KubehopError, String((error as Error).stack))
    assert.deepEqual([error.room, error.code], ['image', code], error.message)
    assert.match(error.plain, says)
    assert.ok(error.plain.length < 800, error.plain)
    assert.ok(registry.asked.length < 20, `${registry.asked.length} requests`)
    assert.equal(existsSync(store.folder), false)
  })

test('what does not speak HTTP, or nothing at all, is said', async (t) => {
  const { store } = world(t)
  const speak = async (greet: (socket: Socket) => void): Promise<string> => {
    const server = createServer((socket) => greet(socket.on('error', () => undefined)))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => server.close())
    return `127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const pull = (host: string): Promise<unknown> => store.pull(`${host}/web`, { limits })
  await assert.rejects(pull(await speak((socket) => void socket.end('220 mail\r\n'))), { code: 'BadAnswer' })
  await assert.rejects(pull(await speak((socket) => socket.destroy())), { code: 'Unreachable' })
  await assert.rejects(pull('127.0.0.1:1'), { code: 'Unreachable' })
  await assert.rejects(pull('no-such-host.invalid'), { code: 'NoHost' })
  assert.equal(existsSync(store.folder), false)
})

test('a packed layer may be cut anywhere by the connection', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const { blobs } = registry.push('web:1', [layer], { pack: gzipSync })
  let served = 0
  onBlob((response, blob, { headers }) => {
    const from = Number(/\d+/.exec(headers.range ?? '0')?.[0])
    const status = from === 0 ? 200 : 206
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${blob.length - 1}/${blob.length}`)
    response.writeHead(status, { 'content-length': blob.length - from })
    const part = blob.subarray(from, from + 50_000)
    served += part.length
    response.write(part, () =>
      setTimeout(() => (from + part.length === blob.length ? response.end() : response.destroy()), 20),
    )
  })(registry, blobs[0] ?? '')
  const steps: string[] = []
  await store.pull(`${registry.host}/web:1`, {
    limits: { ...limits, slowMs: 5000, tries: 10 },
    onProgress: (step) => steps.push(step.kind),
  })
  assert.equal(served, registry.blobs.get(blobs[0] ?? '')?.length)
  assert.equal(steps.filter((kind) => kind === 'retry').length, registry.times(blobs[0] ?? '') - 1)
})

test('a layer that is refused ends the others, too', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const { blobs } = registry.push('web:1', [layer, tar([{ path: 'b', body: 'b' }]), tar([{ path: 'c', body: 'c' }])])
  const waiting = Promise.withResolvers<void>()
  registry.intercept = (_, response, path) => {
    // The second never comes to its head, the third not to its end; then the first is wrong.
    if (path.endsWith(blobs[0] ?? '')) void waiting.promise.then(() => response.end('wrong'))
    else if (path.endsWith(blobs[1] ?? '')) return true
    else if (path.endsWith(blobs[2] ?? '')) response.write('x', () => waiting.resolve())
    else return false
    return true
  }
  const patient = { answerMs: 600_000, slowMs: 600_000 }
  await assert.rejects(store.pull(`${registry.host}/web:1`, { limits: patient }), {
    code: 'BadDigest',
    message: /layer 1 of 3/,
  })
  assert.equal(existsSync(store.folder), false)
})

test('a connection that the server has closed meanwhile is made again', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  registry.push('web:1', [layer])
  const used = new Set<unknown>()
  let closed = 0
  registry.intercept = ({ socket }) => {
    // Whoever comes a second time over the same connection finds it closed.
    if (!used.has(socket)) {
      used.add(socket)
      return false
    }
    closed++
    socket.destroy()
    return true
  }
  await store.pull(`${registry.host}/web:1`, { limits: { ...limits, slowMs: 5000, tries: 1 } })
  assert.ok(closed > 0)
})

test('a server that cannot begin in the middle sends again what is there', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const { blobs } = registry.push('web:1', [layer])
  onBlob((response, blob) => {
    response.writeHead(200, { 'content-length': blob.length })
    if (registry.times(blobs[0] ?? '') > 1) response.end(blob)
    else response.write(blob.subarray(0, 60_000), () => setTimeout(() => response.destroy(), 20))
  })(registry, blobs[0] ?? '')
  const image = await store.pull(`${registry.host}/web:1`, { limits: { ...limits, slowMs: 5000 } })
  assert.equal(image.layers[0]?.bytes, 200_000)
  assert.equal(registry.times(blobs[0] ?? ''), 2)
})
