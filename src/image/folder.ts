import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { tryLockFolder } from '../kernel/lock.ts'
import { tryHoldFile } from '../kernel/share.ts'
import { catalogOf, readCatalog, type StoredImage, writeCatalog } from './catalog.ts'
import { type Digest, hexOf } from './digest.ts'
import { explained } from './explained.ts'
import { lockSoon, settled } from './lock.ts'
import { removeTree, removeWithin } from './remove-tree.ts'
import { Turns } from './turns.ts'

/** A place in the store where one process prepares something. It goes with the process: flock(2) tells whether that lives. */
export interface Workplace {
  /** Empty at first. */
  folder: string
  /** From now on these layers stay, those that are there already and those that come, until the workplace goes. */
  claim(chains: readonly Digest[]): Promise<readonly StoredImage[]>
  [Symbol.asyncDispose](): Promise<void>
}

const storeMs = 5
const layerMs = 25
const claims = 'claims'

/**
 * Where a store is on disk, and who may touch what of it:
 *
 *     images.json     changed under the folder's own lock, which is held for moments
 *     configs/HEX     shared by who uses the image, see `use`
 *     layers/HEX/     complete layers; what neither an image nor a workplace has, goes
 *     work/UUID/      a workplace, locked by its process
 *     work/HEX/       a layer that is being made, locked by who makes it
 */
export class StoreFolder {
  readonly path: string
  readonly #turns = new Turns(1)
  readonly #making = new Map<Digest, Promise<void>>()

  constructor(path: string) {
    this.path = path
  }

  layer = (chain: Digest): string => join(this.path, 'layers', hexOf(chain))
  config = (id: Digest): string => join(this.path, 'configs', hexOf(id))

  /** Changes the store in one step. `body` gets all images, removed ones too; others wait meanwhile. After it, what nobody has any more goes. */
  async change<T>(body: (images: StoredImage[]) => T, signal?: AbortSignal): Promise<T> {
    let trash: Trash | undefined
    try {
      return await this.#alone(() => {
        try {
          return body(readCatalog(this.path))
        } finally {
          trash = this.#sweep()
        }
      }, signal)
    } finally {
      // Much to delete takes a while, in which others need not wait.
      if (trash) await this.#clear(trash)
    }
  }

  workplace(signal?: AbortSignal): Promise<Workplace> {
    return this.#alone(() => {
      for (const name of ['layers', 'configs', 'work'])
        mkdirSync(join(this.path, name), { recursive: true, mode: 0o700 })
      const { folder, held } = this.#newWork()
      return {
        folder,
        claim: (chains) => this.#claim(folder, chains, signal),
        [Symbol.asyncDispose]: async () => {
          await removeTree(folder)
          held[Symbol.dispose]()
          await this.change(() => undefined)
        },
      }
    }, signal)
  }

  /** For who makes a layer: an empty folder. Another who makes the same one waits. */
  async making(chain: Digest, signal: AbortSignal): Promise<{ folder: string } & AsyncDisposable> {
    const folder = join(this.path, 'work', hexOf(chain))
    // Of this process, one asks the kernel, and the others wait for that one.
    for (let other; (other = this.#making.get(chain)); ) await settled(other, signal)
    const ended = Promise.withResolvers<void>()
    this.#making.set(chain, ended.promise)
    let held: Disposable | undefined
    const end = (): void => {
      held?.[Symbol.dispose]()
      this.#making.delete(chain)
      ended.resolve()
    }
    try {
      held = await lockSoon(folder, layerMs, signal)
      // Of one that was killed.
      await removeWithin(folder)
      let done: Promise<void> | undefined
      const leave = (): Promise<void> => removeTree(folder).finally(end)
      // Once: afterwards the folder is another's.
      return { folder, [Symbol.asyncDispose]: () => (done ??= leave()) }
    } catch (error) {
      end()
      throw error
    }
  }

  /** While no other process, and nothing else in this one, changes the store. */
  async #alone<T>(body: () => T, signal?: AbortSignal): Promise<T> {
    try {
      return await this.#turns.take(async () => {
        using _ = await lockSoon(this.path, storeMs, signal)
        return body()
      }, signal)
    } catch (error) {
      throw explained(error, this.path)
    }
  }

  #newWork(): { folder: string; held: Disposable } {
    for (;;) {
      const folder = join(this.path, 'work', randomUUID())
      const held = tryLockFolder(folder, 0o700)
      if (held) return { folder, held }
    }
  }

  #claim(folder: string, chains: readonly Digest[], signal?: AbortSignal): Promise<readonly StoredImage[]> {
    return this.#alone(() => {
      writeFileSync(join(folder, claims), chains.map(hexOf).join('\n'), { mode: 0o600 })
      return readCatalog(this.path)
    }, signal)
  }

  /** Takes what neither an image nor a living process has out of the store. */
  #sweep(): Trash | undefined {
    const images = this.#forget()
    const work = this.#look()
    const layers = new Set([
      ...images.flatMap((image) => image.layers.map(({ chain }) => hexOf(chain))),
      ...work.claimed,
    ])
    const configs = new Set<string>(images.map(({ id }) => hexOf(id)))
    for (const name of namesIn(join(this.path, 'configs')))
      if (!configs.has(name)) rmSync(join(this.path, 'configs', name), { force: true })
    const left = namesIn(join(this.path, 'layers')).flatMap((name) =>
      layers.has(name) ? [] : join(this.path, 'layers', name),
    )
    try {
      if (left.length + work.dead.length > 0) return this.#discard([...left, ...work.dead.map(({ path }) => path)])
    } finally {
      for (const { held } of work.dead) held[Symbol.dispose]()
    }
    this.#tidy()
  }

  /** Removed images whose last user has gone leave the catalog. */
  #forget(): StoredImage[] {
    const images = readCatalog(this.path)
    const left = images.filter(({ id, removed }) => !removed || this.#used(id))
    if (left.length < images.length) writeCatalog(this.path, left)
    return left
  }

  #used(id: Digest): boolean {
    const config = this.config(id)
    using held = tryHoldFile(config)
    // While it is held: who waited for it finds it gone.
    if (held) rmSync(config)
    return existsSync(config)
  }

  #look(): { claimed: string[]; dead: { path: string; held: Disposable }[] } {
    const claimed: string[] = []
    const dead: { path: string; held: Disposable }[] = []
    for (const name of namesIn(join(this.path, 'work'))) {
      const path = join(this.path, 'work', name)
      const held = tryLockFolder(path, 0o700)
      if (held) dead.push({ path, held })
      else claimed.push(...claimsIn(path))
    }
    return { claimed, dead }
  }

  #discard(paths: readonly string[]): Trash {
    const { folder, held } = this.#newWork()
    for (const [index, path] of paths.entries()) renameSync(path, join(folder, String(index)))
    return { folder, held }
  }

  async #clear({ folder, held }: Trash): Promise<void> {
    try {
      await removeTree(folder)
    } finally {
      held[Symbol.dispose]()
    }
    await this.#alone(() => this.#tidy())
  }

  /** A store without images leaves nothing. The folder is the lock, so this is the last thing that is done with it. */
  #tidy(): void {
    const work = join(this.path, 'work')
    // Whoever prepares something has a folder in it.
    if (namesIn(work).length > 0) return
    if (existsSync(work)) rmdirSync(work)
    if (readCatalog(this.path).length > 0) return
    for (const file of [catalogOf(this.path), `${catalogOf(this.path)}.new`]) rmSync(file, { force: true })
    for (const name of ['layers', 'configs', '']) {
      const folder = join(this.path, name)
      if (existsSync(folder)) rmdirSync(folder)
    }
  }
}

interface Trash {
  folder: string
  held: Disposable
}

/** None of one that is about to go: its process removes it without asking anybody. */
function claimsIn(folder: string): string[] {
  try {
    return readFileSync(join(folder, claims), 'utf8').split('\n')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return []
  }
}

const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : [])
