import { join } from 'node:path'
import type { KubehopError } from '../base/errors.ts'
import { createReadStream } from 'node:fs'
import type { Digest } from './digest.ts'
import { foundImage, type FoundImage } from './found.ts'
import { bringLayers, type LayerSource, type MadeLayers, type Making } from './layers.ts'
import type { Limits } from './limits.ts'
import type { Descriptor } from './manifest.ts'
import { type ImageName, placeOf } from './reference.ts'
import { Agents } from './registry/agents.ts'
import { download } from './registry/download.ts'
import { failure } from './registry/failures.ts'
import { credentialsFor, type Keyring } from './registry/keyring.ts'
import type { PullLimits } from './registry/limits.ts'
import { Registry } from './registry/registry.ts'
import { resolveImage } from './registry/resolve.ts'

export interface PullOptions {
  /** Tried one after another where they fit the registry; without any that fits, the registry is asked as anybody. */
  credentials?: readonly Keyring[]
  /** Registries (`registry.example:5000`) whose certificate is not checked, and which may be asked over plain HTTP. */
  insecure?: readonly string[]
  /** PEM certificates of authorities that are trusted besides those of Node and of the system. */
  authorities?: readonly string[]
  limits?: Partial<Limits & PullLimits>
  signal?: AbortSignal
  onProgress?: (step: PullStep) => void
}

/** What happens, in order; layers go on at the same time. */
export type PullStep =
  /** The name led to an image; `bytes` are those of all its layers as they are sent. */
  | { kind: 'found'; digest: Digest; layers: number; bytes: number }
  /** `received` of `size` bytes. A layer that is there already, or that others bring, is not downloaded. */
  | {
      kind: 'layer'
      index: number
      state: 'there' | 'downloading' | 'unpacking' | 'done'
      received: number
      size: number
    }
  /** A connection broke, or was too slow; what came is kept. */
  | { kind: 'retry'; index: number; because: string }

export interface Pulling extends Making {
  limits: Limits & PullLimits
  options: PullOptions
}

export interface Pulled {
  image: FoundImage
  made: MadeLayers
  /** `docker.io/library/web@sha256:...` */
  digests: string[]
}

/** Brings the layers of an image into the store. The catalog is not yet told. */
export async function pullImage(name: ImageName, at: Pulling): Promise<Pulled> {
  const { limits, options } = at
  const place = placeOf(name)
  const insecureHosts = new Set(options.insecure?.map(hostOf))
  const insecure = (host: string): boolean => insecureHosts.has(host)
  const signal = at.signal ?? new AbortController().signal
  using agents = new Agents({ insecure, authorities: options.authorities ?? [] })
  const credentials = credentialsFor(options.credentials ?? [], place.registry, place.repository)
  const registry = new Registry(place, {
    agents,
    limits,
    signal,
    credentials,
    insecure: insecure(hostOf(place.registry)),
  })
  const { digest, manifest, config } = await resolveImage(registry, place)
  const { layers } = manifest
  const image = foundImage(
    config,
    `the configuration of ${name}`,
    [name],
    layers.map(({ digest }) => ({ file: digest })),
  )
  const bytes = layers.reduce((sum, { size }) => sum + size, 0)
  if (bytes > limits.bytes)
    throw failure('TooLarge', `the layers of ${name} have ${bytes} bytes; no more than ${limits.bytes} are taken`)
  const tell = options.onProgress ?? (() => undefined)
  tell({ kind: 'found', digest, layers: layers.length, bytes })
  const made = await bringLayers(image, sourceOf(registry, layers, limits, tell), {
    ...at,
    onLayer(index, state) {
      const size = layers[index]?.size ?? 0
      tell({ kind: 'layer', index, state, received: state === 'there' ? 0 : size, size })
    },
  })
  return { image, made, digests: [`${place.registry}/${place.repository}@${digest}`] }
}

/** As a URL has it: without the port that goes without saying. */
const hostOf = (registry: string): string => URL.parse(`https://${registry}`)?.host ?? registry

function sourceOf(
  registry: Registry,
  layers: readonly Descriptor[],
  limits: PullLimits,
  tell: (step: PullStep) => void,
): LayerSource {
  return {
    atOnce: limits.atOnce,
    async fetch(index, folder, signal) {
      const blob = layers[index]
      if (!blob) throw new RangeError(`no layer ${index}`)
      const file = join(folder, 'blob')
      const at = (received: number): void =>
        tell({ kind: 'layer', index, state: 'downloading', received, size: blob.size })
      at(0)
      const onRetry = (because: KubehopError): void => tell({ kind: 'retry', index, because: because.plain })
      await download(registry, blob, file, { limits, signal, onBytes: at, onRetry })
      return read(file)
    },
  }
}

/** Opened only when it is read: what is above a refused layer never is. */
async function* read(file: string): AsyncGenerator<Buffer> {
  yield* createReadStream(file) as AsyncIterable<Buffer>
}
