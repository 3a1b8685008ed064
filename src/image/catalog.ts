import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KubehopError } from '../base/errors.ts'
import type { Digest } from './digest.ts'
import { type ImageName, placeOf } from './reference.ts'

/** An image of a store. */
export interface StoredImage {
  id: Digest
  names: ImageName[]
  /** Where it was pulled from, by content: `docker.io/library/web@sha256:...`, of the manifest or index that the name led to. None when it was loaded. */
  digests: string[]
  /** When it was loaded, ISO 8601. */
  loaded: string
  /** The lowest first. */
  layers: StoredLayer[]
  /** Nobody can find it any more; it stays until the last container that uses it is gone. */
  removed?: true
}

export interface StoredLayer {
  /** The layer with all below it: its directory is called after this. */
  chain: Digest
  /** Bytes of its files. */
  bytes: number
}

export const catalogOf = (folder: string): string => join(folder, 'images.json')

/** All that the store has, removed ones too; nothing when it is not there yet. */
export function readCatalog(folder: string): StoredImage[] {
  const file = catalogOf(folder)
  try {
    const { images } = JSON.parse(readFileSync(file, 'utf8')) as {
      images: (Omit<StoredImage, 'digests'> & Partial<StoredImage>)[]
    }
    // Before there were registries, images had none.
    return images.map((image) => ({ ...image, digests: image.digests ?? [] }))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return []
    const say = `${file} cannot be read: remove ${folder}, and load its images again`
    throw new KubehopError('image', 'list', 'BadStore', say, { cause })
  }
}

/** Reads the catalog again only when it is another file than last time: one stat(2) a call. */
export function catalogReader(folder: string): () => readonly StoredImage[] {
  let known: { version: string; images: readonly StoredImage[] } | undefined
  return () => {
    const stat = statSync(catalogOf(folder), { bigint: true, throwIfNoEntry: false })
    const version = stat ? `${stat.ino} ${stat.mtimeNs} ${stat.size}` : ''
    if (known?.version !== version) known = { version, images: readCatalog(folder) }
    return known.images
  }
}

/** In one step: who reads meanwhile sees the old one or the new one. */
export function writeCatalog(folder: string, images: readonly StoredImage[]): void {
  const file = catalogOf(folder)
  writeFileSync(`${file}.new`, `${JSON.stringify({ images }, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

/** By name or by id. */
export function findImage(
  images: readonly StoredImage[],
  name: ImageName | undefined,
  which: string,
): StoredImage | undefined {
  return images.find(
    ({ id, names, removed }) => !removed && (id === which || (name !== undefined && names.includes(name))),
  )
}

/** Names go to the new one; who has lost its last one is removed. */
export function withImage(images: readonly StoredImage[], image: StoredImage): StoredImage[] {
  const same = images.find(({ id }) => id === image.id)
  const others = images
    .filter((each) => each !== same)
    .map((each) => {
      const names = each.names.filter((name) => !image.names.includes(name))
      return each.names.length > 0 && names.length === 0
        ? { ...each, names, removed: true as const }
        : { ...each, names }
    })
  const both = (which: 'names' | 'digests'): string[] =>
    [...new Set([...(same?.[which] ?? []), ...image[which]])].sort()
  return [...others, { ...image, names: both('names'), digests: both('digests') }]
}

/** Bytes of an image's files, those too that it shares with others. */
export function sizeOf({ layers }: { layers: readonly StoredLayer[] }): number {
  return layers.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** What a pod's status says as `imageID`, as with containerd: the digest that it was pulled by, from the repository of `name` first; otherwise the image's id. */
export function imageIdOf({ id, digests }: StoredImage, name: ImageName): string {
  const { registry, repository } = placeOf(name)
  return digests.find((each) => each.startsWith(`${registry}/${repository}@`)) ?? digests[0] ?? id
}
