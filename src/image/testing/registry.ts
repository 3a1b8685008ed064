import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { type Digest, digestOf } from '../digest.ts'
import { machine } from '../found.ts'

export interface RegistryOptions {
  /** PEM; without it the registry speaks plain HTTP. */
  tls?: { key: string; cert: string }
  /** Where it listens; default: 127.0.0.1. */
  host?: string
  /** Who may pull, as USER:PASSWORD; `anybody` has to ask for a token, too. */
  auth?: { kind: 'basic' | 'token'; users: readonly string[]; anybody?: boolean }
}

export interface PushOptions {
  /** Merged into the image's configuration. */
  config?: object
  pack?: (layer: Buffer) => Buffer
  docker?: boolean
  /** Puts an index in front, with another platform first. */
  index?: boolean
  /** Replaces fields of the manifest. */
  manifest?: object
  architecture?: string
}

export interface Asked {
  method: string
  path: string
  authorization: string | undefined
  range: string | undefined
}

type Handler = (request: IncomingMessage, response: ServerResponse, path: string) => boolean

/** A registry as the OCI distribution specification has it, for pulls, with tokens (docs/spec/auth of distribution). */
export class TestRegistry {
  readonly host: string
  readonly asked: Asked[] = []
  readonly blobs: Map<string, Buffer> = new Map()
  readonly manifests: Map<string, { type: string; body: Buffer }> = new Map()
  /** Looks at each request first; true when it has answered. */
  intercept: Handler = () => false
  /** What tokens are good for; made invalid by clearing. */
  readonly tokens: Set<string> = new Set()
  readonly #options: RegistryOptions

  constructor(host: string, options: RegistryOptions) {
    this.host = host
    this.#options = options
  }

  get origin(): string {
    return `${this.#options.tls ? 'https' : 'http'}://${this.host}`
  }

  /** How often a blob was asked for. */
  times(digest: string): number {
    return this.asked.filter(({ path }) => path.endsWith(`/blobs/${digest}`)).length
  }

  blob(body: Buffer): { digest: Digest; size: number } {
    const digest = digestOf(body)
    this.blobs.set(digest, body)
    return { digest, size: body.length }
  }

  manifest(name: string, type: string, value: object | Buffer): { digest: Digest; size: number; mediaType: string } {
    const body = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value))
    const digest = digestOf(body)
    const repository = name.replace(/:[^/]*$/, '')
    for (const key of [name, `${repository}:${digest}`]) this.manifests.set(key, { type, body })
    return { digest, size: body.length, mediaType: type }
  }

  /** An image under `team/web:1`. */
  push(name: string, layers: readonly Buffer[], options: PushOptions = {}): { digest: Digest; blobs: Digest[] } {
    const { docker = false, pack = gzipSync } = options
    const types = docker ? dockerTypes : ociTypes
    const config = {
      os: 'linux',
      architecture: options.architecture ?? machine,
      rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
      config: options.config ?? {},
    }
    const packed = layers.map((layer) => ({ mediaType: types.layer, ...this.blob(pack(layer)) }))
    const manifest = {
      schemaVersion: 2,
      mediaType: types.manifest,
      config: { mediaType: types.config, ...this.blob(Buffer.from(JSON.stringify(config))) },
      layers: packed,
      ...options.manifest,
    }
    let top = this.manifest(name, types.manifest, manifest)
    if (options.index) {
      const unlike = this.manifest(name, types.manifest, { ...manifest, annotations: { for: 'riscv64' } })
      const other = { ...unlike, platform: { os: 'linux', architecture: 'riscv64' } }
      const ours = { ...top, platform: { os: 'linux', architecture: machine } }
      top = this.manifest(name, types.index, { schemaVersion: 2, mediaType: types.index, manifests: [other, ours] })
    }
    return { digest: top.digest, blobs: packed.map(({ digest }) => digest) }
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const path = request.url ?? ''
    const { authorization, range } = request.headers
    this.asked.push({ method: request.method ?? '', path, authorization, range })
    if (this.intercept(request, response, path)) return
    if (path.startsWith('/token')) return this.#token(request, response)
    if (!this.#mayPull(authorization)) {
      const challenge =
        this.#options.auth?.kind === 'basic'
          ? 'Basic realm="test"'
          : `Bearer realm="${this.origin}/token",service="test",scope="repository:x:pull"`
      return refuse(response, 401, 'UNAUTHORIZED', { 'www-authenticate': challenge })
    }
    const found = /^\/v2\/(.+)\/(manifests|blobs)\/([^/]+)$/.exec(path)
    const [, repository = '', kind, reference = ''] = found ?? []
    if (kind === 'manifests') {
      const manifest = this.manifests.get(`${repository}:${reference}`)
      if (!manifest) return refuse(response, 404, 'MANIFEST_UNKNOWN')
      response.setHeader('content-type', manifest.type)
      response.setHeader('docker-content-digest', digestOf(manifest.body))
      response.end(manifest.body)
      return
    }
    const blob = this.blobs.get(reference)
    if (kind !== 'blobs' || !blob) return refuse(response, 404, 'BLOB_UNKNOWN')
    const from = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0)
    if (from > 0) response.setHeader('content-range', `bytes ${from}-${blob.length - 1}/${blob.length}`)
    response.writeHead(from > 0 ? 206 : 200, { 'content-length': blob.length - from })
    response.end(blob.subarray(from))
  }

  #mayPull(authorization: string | undefined): boolean {
    const { auth } = this.#options
    if (!auth) return true
    const [scheme, word = ''] = (authorization ?? '').split(' ')
    return auth.kind === 'basic' ? scheme === 'Basic' && auth.users.includes(decoded(word)) : this.tokens.has(word)
  }

  #token(request: IncomingMessage, response: ServerResponse): void {
    const { auth } = this.#options
    const word = request.headers.authorization?.replace(/^Basic /, '')
    const known = word === undefined ? auth?.anybody === true : auth?.users.includes(decoded(word)) === true
    if (!known) return refuse(response, 401, 'UNAUTHORIZED')
    const token = `token-${this.asked.length}`
    this.tokens.add(token)
    response.end(JSON.stringify({ token, expires_in: 300 }))
  }
}

export async function serveRegistry(
  t: Pick<TestContext, 'after'>,
  options: RegistryOptions = {},
): Promise<TestRegistry> {
  let registry: TestRegistry | undefined
  const listener = (request: IncomingMessage, response: ServerResponse): void => registry?.answer(request, response)
  const server: Server = options.tls ? createTlsServer(options.tls, listener) : createServer(listener)
  const host = options.host ?? '127.0.0.1'
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  t.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  registry = new TestRegistry(`${host}:${(server.address() as AddressInfo).port}`, options)
  return registry
}

export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, headers)
  response.end(JSON.stringify({ errors: [{ code, message: 'no' }] }))
}

const decoded = (word: string): string => Buffer.from(word, 'base64').toString()

const ociTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
}
const dockerTypes = {
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layer: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
}
