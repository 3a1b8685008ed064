import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { KubehopError } from '../base/errors.ts'
import type { StoredLayer } from './catalog.ts'
import { decompress } from './decompress.ts'
import { chainOf, type Digest, hashing } from './digest.ts'
import type { StoreFolder, Workplace } from './folder.ts'
import type { FoundImage, FoundLayer } from './found.ts'
import { Budget, type Limits } from './limits.ts'
import { refuse } from './refuse.ts'
import { readTar } from './tar/read.ts'
import { Turns } from './turns.ts'
import { type Unpacked, unpackLayer } from './unpack.ts'
import { View } from './view.ts'

/** Where layers come from. */
export interface LayerSource {
  /** The bytes of a layer, which are what its manifest says, packed or not. `folder` is empty, and takes what has to be kept until they are read. */
  fetch(index: number, folder: string, signal: AbortSignal): Promise<AsyncIterable<Buffer>>
  /** How many are fetched at once. */
  atOnce: number
}

export type LayerState = 'there' | 'unpacking' | 'done'

export interface Making {
  folder: StoreFolder
  workplace: Workplace
  limits: Limits
  signal?: AbortSignal
  onLayer?: (index: number, state: LayerState) => void
}

export interface MadeLayers {
  layers: StoredLayer[]
  withoutAttributes: string[]
}

/**
 * Brings an image's layers into the store, each in one step and in the image's order, while those above are fetched. A layer that is there is not fetched; one
 * that others make at this moment is waited for. The workplace keeps them until the catalog is told.
 */
export async function bringLayers(image: FoundImage, source: LayerSource, at: Making): Promise<MadeLayers> {
  if (image.layers.length > at.limits.layers) {
    const say = `the image has ${image.layers.length} layers; at most ${at.limits.layers} can be put together`
    throw refuse('TooLarge', say)
  }
  const wanted = chained(image.layers)
  const known = await at.workplace.claim(wanted.map(({ chain }) => chain))
  const sizes = new Map(known.flatMap(({ layers }) => layers.map(({ chain, bytes }) => [chain, bytes])))
  const stop = new AbortController()
  const signal = at.signal ? AbortSignal.any([at.signal, stop.signal]) : stop.signal
  const turns = new Turns(source.atOnce)
  const where = (index: number): string => `layer ${index + 1} of ${wanted.length}`
  const fetched = wanted.map((layer, index) =>
    turns
      .take(() =>
        inLayer(where(index), () =>
          begin(layer.chain, (folder) => source.fetch(index, folder, signal), at.folder, signal),
        ),
      )
      .catch((error: unknown) => {
        // The first reason is the one that counts: the others end because of it.
        stop.abort(error)
        throw error
      }),
  )
  // They are awaited in order, or not at all.
  for (const each of fetched) each.catch(() => undefined)
  const made: MadeLayers = { layers: [], withoutAttributes: [] }
  const budget = new Budget(at.limits)
  try {
    for (const [index, { chain, layer }] of wanted.entries()) {
      const begun = await fetched[index]
      if (!begun) at.onLayer?.(index, 'there')
      else {
        at.onLayer?.(index, 'unpacking')
        const lower = new View(made.layers.map((each) => at.folder.layer(each.chain)))
        const done = await inLayer(where(index), () => unpack(begun, layer, lower, budget, at, signal))
        renameSync(join(begun.folder, 'files'), at.folder.layer(chain))
        await begun[Symbol.asyncDispose]()
        sizes.set(chain, done.bytes)
        made.withoutAttributes.push(...done.withoutAttributes)
        at.onLayer?.(index, 'done')
      }
      made.layers.push({ chain, bytes: sizes.get(chain) ?? bytesIn(at.folder.layer(chain)) })
    }
    return made
  } catch (error) {
    stop.abort(error)
    throw signal.reason
  } finally {
    for (const each of await Promise.allSettled(fetched))
      if (each.status === 'fulfilled') await each.value?.[Symbol.asyncDispose]()
  }
}

interface Wanted {
  chain: Digest
  layer: FoundLayer
}

function chained(layers: readonly FoundLayer[]): Wanted[] {
  let below: Digest | undefined
  return layers.map((layer) => ({ layer, chain: (below = chainOf(below, layer.diffId)) }))
}

interface Begun extends AsyncDisposable {
  folder: string
  bytes: AsyncIterable<Buffer>
}

/** undefined when the layer is there. */
async function begin(
  chain: Digest,
  fetch: (folder: string) => Promise<AsyncIterable<Buffer>>,
  store: StoreFolder,
  signal: AbortSignal,
): Promise<Begun | undefined> {
  signal.throwIfAborted()
  if (existsSync(store.layer(chain))) return undefined
  const making = await store.making(chain, signal)
  try {
    if (!existsSync(store.layer(chain))) return { ...making, bytes: await fetch(making.folder) }
  } catch (error) {
    await making[Symbol.asyncDispose]()
    throw error
  }
  await making[Symbol.asyncDispose]()
}

async function unpack(
  { folder, bytes }: Begun,
  { file, diffId }: FoundLayer,
  lower: View,
  budget: Budget,
  { limits }: Making,
  signal: AbortSignal,
): Promise<Unpacked> {
  const files = join(folder, 'files')
  mkdirSync(files, { mode: 0o700 })
  const plain = hashing(decompress(until(signal, bytes), file, limits))
  const unpacked = await unpackLayer(readTar(plain.stream), files, lower, budget)
  if (plain.digest() === diffId) return unpacked
  throw refuse('BadDigest', `${file} is not the layer that the image's configuration names (${diffId}): it is damaged`)
}

async function* until(signal: AbortSignal, bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of bytes) {
    signal.throwIfAborted()
    yield chunk
  }
}

/** Of a layer that another process has made, whose image is not in the catalog yet. */
function bytesIn(folder: string): number {
  const seen = new Set<number>()
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue
    const { ino, size } = lstatSync(join(entry.parentPath, entry.name))
    if (!seen.has(ino)) bytes += size
    seen.add(ino)
  }
  return bytes
}

/** Says in which layer it was. */
async function inLayer<T>(where: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    if (!(error instanceof KubehopError) || error.room !== 'image') throw error
    throw new KubehopError('image', error.op, error.code, `${where}: ${error.plain}`, { cause: error })
  }
}
