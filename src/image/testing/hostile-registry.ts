import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import { KubehopError } from '../../base/errors.ts'
import type { PullOptions } from '../pull.ts'
import { serveRegistry, type TestRegistry } from './registry.ts'
import { world } from './store.ts'
import { tar } from './tar.ts'

/** Random, so that packing does not make it small. */
export const layer: Buffer = tar([{ path: 'a', body: randomBytes(200_000) }])
export const limits = {
  retryMs: 1,
  tries: 3,
  connectMs: 2000,
  answerMs: 300,
  slowMs: 200,
  slowBytes: 1000,
  redirects: 4,
} as const

export interface Row {
  about: string
  code: string
  says: RegExp
  options?: PullOptions
  make: Make
}

/** Makes the registry hostile. `digest` is that of the layer's blob. */
type Make = (registry: TestRegistry, digest: string) => void

/** Answers for the layer's blob, and leaves the rest to the registry. */
export const onBlob =
  (answer: (response: ServerResponse, blob: Buffer, request: IncomingMessage) => void): Make =>
  (registry, digest) => {
    registry.intercept = (request, response, path) => {
      if (!path.endsWith(digest)) return false
      answer(response, registry.blobs.get(digest) ?? Buffer.alloc(0), request)
      return true
    }
  }
/** The same for manifests. */
export const onManifest =
  (answer: (response: ServerResponse, request: IncomingMessage) => void): Make =>
  (registry) => {
    registry.intercept = (request, response, path) => {
      if (!path.includes('/manifests/')) return false
      answer(response, request)
      return true
    }
  }
/** Another manifest under the same tag. */
export const manifest =
  (change: (said: Record<string, unknown>) => unknown): Make =>
  (registry) => {
    const { type, body } = registry.manifests.get('web:1') ?? { type: '', body: Buffer.alloc(0) }
    const changed = change(JSON.parse(body.toString()) as Record<string, unknown>)
    registry.manifest('web:1', type, Buffer.isBuffer(changed) ? changed : (changed as object))
  }
/** A body without an end, as fast as it is taken. */
export const endless = (response: ServerResponse): void => {
  const more = (): void => {
    while (response.write(Buffer.alloc(65_536, 0x20)));
    response.once('drain', more)
  }
  more()
}

/** Pulls `web:1` from a registry that was made hostile: refused as the row says, and nothing is left. */
export async function checkRefused(t: TestContext, { code, says, make, options }: Row): Promise<void> {
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
}
