import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { KubehopError } from '../base/errors.ts'
import type { Digest } from './digest.ts'
import type { ImageName } from './reference.ts'

/** An image of a store. */
export interface StoredImage {
  id: Digest
  names: ImageName[]
  /** When it was loaded, ISO 8601. */
  loaded: string
  /** The lowest first. */
  layers: StoredLayer[]
}

export interface StoredLayer {
  /** The layer with all below it: its directory is called after this. */
  chain: Digest
  /** Bytes of its files. */
  bytes: number
}

export const catalogOf = (folder: string): string => join(folder, 'images.json')

/** What the store has; nothing when it is not there yet. */
export function readCatalog(folder: string): StoredImage[] {
  const file = catalogOf(folder)
  if (!existsSync(file)) return []
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as { images: StoredImage[] }).images
  } catch (cause) {
    const say = `${file} cannot be read: remove ${folder}, and load its images again`
    throw new KubehopError('image', 'list', 'BadStore', say, { cause })
  }
}

/** In one step: who reads meanwhile sees the old one or the new one. */
export function writeCatalog(folder: string, images: readonly StoredImage[]): void {
  const file = catalogOf(folder)
  writeFileSync(`${file}.new`, `${JSON.stringify({ images }, null, 2)}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
