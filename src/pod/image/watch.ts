import { type FSWatcher, watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'

const catalog = 'images.json'
/** Where the kernel gives no more watches. */
const lookMs = 1000

/** Tells whoever waits for an image that the images on this machine have changed. Nothing is watched while nobody waits. */
export class StoreWatch {
  readonly #folders: readonly string[]
  readonly #log: Log
  readonly #waiting = new Set<() => void>()
  #watchers: FSWatcher[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(folders: readonly string[], log: Log) {
    this.#folders = folders
    this.#log = log
  }

  /** Calls back at each change until the result is called. Whoever looks at the stores after this call misses none. */
  wait(changed: () => void): () => void {
    this.#waiting.add(changed)
    if (this.#waiting.size === 1) this.#arm()
    return () => {
      if (this.#waiting.delete(changed) && this.#waiting.size === 0) this.#disarm()
    }
  }

  /** A store is made when the first image comes, and goes with the last: then its parent tells. */
  #arm(): void {
    for (const folder of this.#folders)
      for (const [path, name] of [
        [folder, catalog],
        [dirname(folder), basename(folder)],
      ] as const)
        this.#watch(path, name)
  }

  #watch(path: string, name: string): void {
    try {
      const watcher = watch(path, (_, file) => {
        if (file === name) this.#changed(name !== catalog)
      })
      watcher.on('error', () => watcher.close())
      this.#watchers.push(watcher)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return
      // ENOSPC, EMFILE: too many of them on this machine.
      this.#log.warn({ path, error: messageOf(error) }, 'new images cannot be watched for; looking every second')
      this.#timer ??= setInterval(() => this.#changed(false), lookMs)
    }
  }

  #changed(folderItself: boolean): void {
    if (folderItself) {
      this.#disarm()
      this.#arm()
    }
    for (const changed of this.#waiting) changed()
  }

  #disarm(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close()
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
