import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { KubehopError, messageOf } from '../base/errors.ts'
import { lockFolder } from '../kernel/lock.ts'
import { catalogOf, readCatalog, type StoredImage, type StoredLayer, writeCatalog } from './catalog.ts'
import { type Digest, hexOf } from './digest.ts'
import { type Limits, usualLimits } from './limits.ts'
import { type LoadedImage, loadImages } from './load.ts'
import { type ImageName, imageName } from './reference.ts'
import { refuse, shown } from './refuse.ts'

/**
 * Images in a folder: `images.json`, `configs/HEX`, `layers/HEX/`, and `work/` while one is loaded. Only one command at a time changes it; it is
 * held all the while, so what lies in `work/` when it is taken is of one that was killed. The thread waits for others: a process must await one change
 * before it begins the next.
 */
export class ImageStore {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  list(): StoredImage[] {
    return readCatalog(this.folder)
  }

  /**
   * Every image of an archive. `name` is for one that brings none, or another. An image whose last name goes to a new one goes, too. When the archive
   * is refused, the store is as before.
   */
  load(
    file: string,
    { name, limits = usualLimits }: { name?: ImageName; limits?: Limits } = {},
  ): Promise<LoadedImage[]> {
    return this.#alone(async (before) => {
      const known = new Map(before.flatMap(({ layers }) => layers.map((layer) => [layer.chain, layer])))
      const { layers, configs, work } = this.#folders()
      for (const folder of [layers, configs, work]) mkdirSync(folder, { recursive: true, mode: 0o700 })
      const loaded = await loadImages(file, { layers, configs, work, known, limits })
      if (name !== undefined) {
        const [only, second] = loaded
        if (!only || second)
          throw refuse('SeveralImages', `${file} has ${loaded.length} images: only one can be given a name`)
        only.names = [name]
      }
      let images = before
      for (const { withoutAttributes: _, ...image } of loaded) images = withImage(images, image)
      writeCatalog(this.folder, images)
      return loaded
    })
  }

  /** By name: the name goes, and the image with its last one. By id (`sha256:...`): the image goes. Tells what names are left. @throws KubehopError `NoImage` */
  remove(which: string): Promise<{ image: StoredImage; gone: boolean }> {
    return this.#alone(async (images) => {
      const name = imageName(which)
      const image = images.find((each) => each.id === which || (name !== undefined && each.names.includes(name)))
      if (!image) throw new KubehopError('image', 'remove', 'NoImage', `there is no image ${shown(which)}`)
      const names = image.id === which ? [] : image.names.filter((each) => each !== name)
      const others = images.filter((each) => each !== image)
      writeCatalog(this.folder, names.length === 0 ? others : [...others, { ...image, names }])
      return { image: { ...image, names }, gone: names.length === 0 }
    })
  }

  async #alone<T>(body: (images: StoredImage[]) => Promise<T>): Promise<T> {
    using _ = this.#lock()
    try {
      this.#sweep()
      return await body(readCatalog(this.folder))
    } catch (error) {
      throw explained(error, this.folder)
    } finally {
      this.#sweep()
      this.#dropIfEmpty()
    }
  }

  #lock(): Disposable {
    try {
      return lockFolder(this.folder, 0o700)
    } catch (error) {
      throw explained(error, this.folder)
    }
  }

  /** Removes what no image of the catalog has. */
  #sweep(): void {
    const images = readCatalog(this.folder)
    const { layers, configs, work } = this.#folders()
    rmSync(work, { recursive: true, force: true })
    keep(
      configs,
      images.map(({ id }) => id),
    )
    keep(
      layers,
      images.flatMap((image) => image.layers.map(({ chain }) => chain)),
    )
  }

  /** A store without images leaves nothing. The folder is the lock, so this is the last thing that is done with it. */
  #dropIfEmpty(): void {
    if (readCatalog(this.folder).length > 0) return
    const { layers, configs } = this.#folders()
    for (const file of [catalogOf(this.folder), `${catalogOf(this.folder)}.new`]) rmSync(file, { force: true })
    for (const folder of [layers, configs, this.folder]) if (existsSync(folder)) rmdirSync(folder)
  }

  #folders(): { layers: string; configs: string; work: string } {
    return {
      layers: join(this.folder, 'layers'),
      configs: join(this.folder, 'configs'),
      work: join(this.folder, 'work'),
    }
  }
}

/** Bytes of an image's files, those too that it shares with others. */
export function sizeOf({ layers }: { layers: readonly StoredLayer[] }): number {
  return layers.reduce((sum, { bytes }) => sum + bytes, 0)
}

/** Names go to the new one; who has lost its last one is nobody's. */
function withImage(images: readonly StoredImage[], image: StoredImage): StoredImage[] {
  const same = images.find(({ id }) => id === image.id)
  const others = images
    .filter((each) => each !== same)
    .flatMap((each) => {
      const names = each.names.filter((name) => !image.names.includes(name))
      return each.names.length > 0 && names.length === 0 ? [] : [{ ...each, names }]
    })
  return [...others, { ...image, names: [...new Set([...(same?.names ?? []), ...image.names])].sort() }]
}

function keep(folder: string, wanted: readonly Digest[]): void {
  if (!existsSync(folder)) return
  const names = new Set(wanted.map(hexOf))
  for (const name of readdirSync(folder))
    if (!names.has(name)) rmSync(join(folder, name), { recursive: true, force: true })
}

/** The system's own complaints, in words that say what to do. */
function explained(error: unknown, folder: string): unknown {
  if (error instanceof KubehopError || !(error instanceof Error) || !('code' in error)) return error
  const { code } = error as NodeJS.ErrnoException
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return new KubehopError(
      'image',
      'write',
      'NoSpace',
      `no space is left in ${folder}: make room, or set KUBEHOP_STATE to a larger folder`,
      {
        cause: error,
      },
    )
  if (typeof code !== 'string' || !/^E[A-Z]+$/.test(code)) return error
  return new KubehopError('image', 'write', code, `cannot use ${folder}: ${messageOf(error)}`, { cause: error })
}
