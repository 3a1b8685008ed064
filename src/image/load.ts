import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KubehopError } from '../base/errors.ts'
import { type Archive, openArchive } from './archive.ts'
import type { StoredImage, StoredLayer } from './catalog.ts'
import { decompress } from './decompress.ts'
import { chainOf, type Digest, hashing, hexOf } from './digest.ts'
import { dockerImages } from './docker.ts'
import type { FoundImage, FoundLayer } from './found.ts'
import { Budget, type Limits } from './limits.ts'
import { ociImages } from './oci.ts'
import { refuse } from './refuse.ts'
import { readTar } from './tar/read.ts'
import { unpackLayer } from './unpack.ts'
import { View } from './view.ts'

export interface LoadedImage extends StoredImage {
  /** Files that lost their extended attributes, such as file capabilities. */
  withoutAttributes: string[]
}

interface Workplace {
  /** Where layers lie, each in a directory of its name. */
  layers: string
  configs: string
  /** An empty directory on the same file system. */
  work: string
  known: ReadonlyMap<Digest, StoredLayer>
  limits: Limits
}

/** Brings the layers of all images of an archive into the store, each in one step. The catalog is not yet told. */
export async function loadImages(file: string, at: Workplace): Promise<LoadedImage[]> {
  const archive = await openArchive(file, at.work, at.limits)
  const found = await imagesIn(archive, file)
  const images: LoadedImage[] = []
  const known = new Map(at.known)
  for (const image of found) images.push(await loadImage(archive, image, { ...at, known }, known))
  return images
}

async function imagesIn(archive: Archive, file: string): Promise<FoundImage[]> {
  // Where both are there, they are of the same images, and this one has all names.
  const images = archive.has('manifest.json')
    ? await dockerImages(archive)
    : archive.has('index.json')
      ? await ociImages(archive)
      : []
  if (images.length > 0) return images
  const say = `${file} has no image in it: name an archive as \`docker save\`, \`podman save\` or \`skopeo copy ... oci-archive:\` makes it`
  throw refuse('NoImage', say)
}

async function loadImage(
  archive: Archive,
  image: FoundImage,
  at: Workplace,
  known: Map<Digest, StoredLayer>,
): Promise<LoadedImage> {
  if (image.layers.length > at.limits.layers)
    throw refuse(
      'TooLarge',
      `the image has ${image.layers.length} layers; at most ${at.limits.layers} can be put together`,
    )
  const budget = new Budget(at.limits)
  const layers: StoredLayer[] = []
  const withoutAttributes: string[] = []
  for (const [index, layer] of image.layers.entries()) {
    const chain = chainOf(layers.at(-1)?.chain, layer.diffId)
    let stored = known.get(chain)
    if (!stored) {
      const lower = new View(layers.map((each) => join(at.layers, hexOf(each.chain))))
      const made = await inLayer(`layer ${index + 1} of ${image.layers.length}`, () =>
        loadLayer(archive, layer, chain, lower, at, budget),
      )
      stored = { chain, bytes: made.bytes }
      withoutAttributes.push(...made.withoutAttributes)
      known.set(chain, stored)
    }
    layers.push(stored)
  }
  writeFileSync(join(at.configs, hexOf(image.id)), image.config, { mode: 0o600 })
  return { id: image.id, names: image.names, loaded: new Date().toISOString(), layers, withoutAttributes }
}

async function loadLayer(
  archive: Archive,
  { file, packed, diffId }: FoundLayer,
  chain: Digest,
  lower: View,
  at: Workplace,
  budget: Budget,
): Promise<{ bytes: number; withoutAttributes: string[] }> {
  const folder = join(at.work, hexOf(chain))
  mkdirSync(folder, { mode: 0o700 })
  const outer = hashing(archive.open(file))
  const inner = hashing(decompress(outer.stream, file, at.limits))
  const unpacked = await unpackLayer(readTar(inner.stream), folder, lower, budget)
  if (packed && (outer.bytes() !== packed.size || outer.digest() !== packed.digest))
    throw refuse('BadDigest', `${file} is not what its digest says (${packed.digest}): the archive is damaged`)
  if (inner.digest() !== diffId)
    throw refuse(
      'BadDigest',
      `${file} is not the layer that the image's configuration names (${diffId}): the archive is damaged`,
    )
  renameSync(folder, join(at.layers, hexOf(chain)))
  return unpacked
}

/** Says in which layer it was. */
async function inLayer<T>(where: string, body: () => Promise<T>): Promise<T> {
  try {
    return await body()
  } catch (error) {
    throw error instanceof KubehopError && error.room === 'image'
      ? refuse(error.code, `${where}: ${error.plain}`, error)
      : error
  }
}
