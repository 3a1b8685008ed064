import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { KubehopError } from '../base/errors.ts'
import { tryShareFile } from '../kernel/share.ts'
import { catalogReader, findImage, type StoredImage, withImage, writeCatalog } from './catalog.ts'
import { type ImageConfig, parseConfig } from './config.ts'
import type { Digest } from './digest.ts'
import { explained } from './explained.ts'
import { StoreFolder } from './folder.ts'
import type { FoundImage } from './found.ts'
import type { MadeLayers, Making } from './layers.ts'
import { leaseOf, type Lease } from './lease.ts'
import { type Limits, usualLimits } from './limits.ts'
import { loadImages } from './load.ts'
import { pullImage, type PullOptions } from './pull.ts'
import { type ImageName, imageName } from './reference.ts'
import { refuse, shown } from './refuse.ts'
import { usualPullLimits } from './registry/limits.ts'
import { Turns } from './turns.ts'

export interface LoadedImage extends StoredImage {
  /** Files that lost extended attributes. */
  withoutAttributes: string[]
}

/**
 * Images in a folder. Any number of processes may use and change it at the same time: the catalog is changed in moments, layers are prepared beside it, and
 * nobody's thread waits for another process.
 */
export class ImageStore {
  readonly folder: string
  readonly #at: StoreFolder
  readonly #catalog: () => readonly StoredImage[]
  readonly #configs = new Map<Digest, ImageConfig>()
  /** Hundreds of pods may begin at the same moment. */
  readonly #pulls = new Turns(16)

  constructor(folder: string) {
    this.folder = folder
    this.#at = new StoreFolder(folder)
    this.#catalog = catalogReader(folder)
  }

  list(): StoredImage[] {
    return this.#catalog().filter(({ removed }) => !removed)
  }

  /** By name as people write it, by the digest that it was pulled by, or by id (`sha256:...`). Asks the disk only whether the catalog has changed. */
  find(which: string): StoredImage | undefined {
    const name = imageName(which)
    const images = this.list()
    return findImage(images, name, which) ?? images.find(({ digests }) => name !== undefined && digests.includes(name))
  }

  /** What a container needs to know of an image. @throws KubehopError `NoImage` when it is gone */
  configOf({ id }: StoredImage): ImageConfig {
    let config = this.#configs.get(id)
    if (!config) {
      const file = this.#at.config(id)
      if (!existsSync(file)) throw gone(id)
      config = parseConfig(readFileSync(file), `the configuration of ${id}`)
      this.#configs.set(id, config)
    }
    return config
  }

  /** The directories of an image's layers, the top one first, as overlayfs has its `lowerdir`. */
  lowerdirs({ layers }: StoredImage): string[] {
    return layers.map(({ chain }) => this.#at.layer(chain)).toReversed()
  }

  /** The image's layers stay until the lease is disposed and no process has its descriptor any more. @throws KubehopError `NoImage` when it is gone */
  use({ id }: StoredImage): Lease {
    const fd = tryShareFile(this.#at.config(id))
    if (fd === undefined) throw gone(id)
    return leaseOf(fd)
  }

  /**
   * Every image of an archive. `name` is for one that brings none, or another. An image whose last name goes to a new one goes, too. When the archive
   * is refused, the store is as before.
   */
  async load(
    file: string,
    { name, limits = usualLimits, signal }: { name?: ImageName; limits?: Limits; signal?: AbortSignal } = {},
  ): Promise<LoadedImage[]> {
    return await this.#prepare(signal, async (at) => {
      const images = await loadImages(file, { ...at, limits })
      if (name === undefined) return images
      const [only, second] = images
      if (!only || second)
        throw refuse('SeveralImages', `${file} has ${images.length} images: only one can be given a name`)
      only.image.names = [name]
      return images
    })
  }

  /**
   * An image from a registry, whatever the store has under that name; layers that are there are not sent again. Several pulls at once, also of several
   * processes, send each layer once. When it fails, the store is as before.
   * @throws KubehopError with the code `BadName`, `NoHost`, `Unreachable`, `BadCertificate`, `PlainHttp`, `Unauthorized`, `NoImage`, `RateLimited`,
   * `RegistryError`, `BadAnswer`, `TooSlow`, `WrongPlatform`, `BadDigest`, or one of those of `load`; or with the signal's reason
   */
  async pull(name: string, options: PullOptions = {}): Promise<LoadedImage> {
    const full = imageName(name)
    if (full === undefined) throw new KubehopError('image', 'pull', 'BadName', `${shown(name)} is no name of an image`)
    const limits = { ...usualLimits, ...usualPullLimits, ...options.limits }
    const pull = (): Promise<LoadedImage[]> =>
      this.#prepare(options.signal, async (at) => [await pullImage(full, { ...at, limits, options })])
    const [image] = await this.#pulls.take(pull, options.signal)
    if (!image) throw gone(full)
    return image
  }

  /**
   * By name: the name goes, and the image with its last one. By id (`sha256:...`): the image goes. Where a container uses it, its files go after that. Tells what
   * names are left, and whether the files stay for now. @throws KubehopError `NoImage`
   */
  async remove(which: string): Promise<{ image: StoredImage; gone: boolean; used: boolean }> {
    const removed = await this.#at.change((images) => {
      const name = imageName(which)
      const image = findImage(images, name, which)
      if (!image) throw new KubehopError('image', 'remove', 'NoImage', `there is no image ${shown(which)}`)
      const names = image.id === which ? [] : image.names.filter((each) => each !== name)
      const left: StoredImage = { ...image, names, ...(names.length === 0 && { removed: true }) }
      writeCatalog(this.folder, [...images.filter((each) => each !== image), left])
      return { image: left, gone: names.length === 0 }
    })
    return { ...removed, used: removed.gone && existsSync(this.#at.config(removed.image.id)) }
  }

  /** Removes the files of removed images that nobody uses any more, and what killed processes left. */
  collect(): Promise<void> {
    return existsSync(this.folder) ? this.#at.change(() => undefined) : Promise.resolve()
  }

  async #prepare(
    signal: AbortSignal | undefined,
    bring: (at: Omit<Making, 'limits'>) => Promise<Brought[]>,
  ): Promise<LoadedImage[]> {
    await using workplace = await this.#at.workplace(signal)
    try {
      return await this.#keep(await bring({ folder: this.#at, workplace, ...(signal && { signal }) }))
    } catch (error) {
      throw explained(error, this.folder)
    }
  }

  /** Tells the catalog of images whose layers are there. */
  #keep(images: readonly Brought[]): Promise<LoadedImage[]> {
    return this.#at.change((before) => {
      const loaded = new Date().toISOString()
      let all = before
      const kept = images.map(({ image: { id, names, config }, made: { layers, withoutAttributes }, digests = [] }) => {
        const image: StoredImage = { id, names, digests, loaded, layers }
        all = withImage(all, image)
        this.#writeConfig(id, config)
        return { ...image, withoutAttributes }
      })
      writeCatalog(this.folder, all)
      return kept
    })
  }

  /** Never another file in its place: who uses the image has a lock on it. */
  #writeConfig(id: Digest, config: Buffer): void {
    const file = this.#at.config(id)
    if (existsSync(file)) return
    writeFileSync(`${file}.new`, config, { mode: 0o600 })
    renameSync(`${file}.new`, file)
  }
}

interface Brought {
  image: FoundImage
  made: MadeLayers
  digests?: string[]
}

function gone(id: string): KubehopError {
  return new KubehopError('image', 'use', 'NoImage', `the image ${id} has been removed: load or pull it again`)
}
