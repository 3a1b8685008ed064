import { type FSWatcher, readFileSync, realpathSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'

export interface WatchOptions {
  readonly path: string
  /** What the file holds, if it differs from what it held before. */
  readonly onChange: (text: string) => void
  /** It cannot be read any more. */
  readonly onGone: (error: Error) => void
  /** Its folder cannot be watched. The file is looked at only when {@link Watch.look} is called. */
  readonly onBlind: (error: Error) => void
}

export interface Watch {
  /** Looks at the file now. */
  look(): void
  close(): void
}

/** Editors write in pieces and rename; what they leave in the end is what counts. */
const settle = 100

/**
 * Tells of changes to a file whose text is `known` so far. It is the folders that are watched, not the file: editors put another file in its place, and
 * in a Kubernetes volume the file is a link into `..data`, a link itself that is put in place anew.
 */
export function watchFile(known: string, { path, onChange, onGone, onBlind }: WatchOptions): Watch {
  let last: string | undefined = known
  let timer: NodeJS.Timeout | undefined
  let watchers: FSWatcher[] = []

  const look = (): void => {
    clearTimeout(timer)
    timer = undefined
    arm()
    let text: string
    try {
      text = readWhole(path)
    } catch (error) {
      // Told once, not at each event of a folder that others use too.
      if (last !== undefined) onGone(error as Error)
      last = undefined
      return
    }
    if (text === last) return
    last = text
    onChange(text)
  }
  const arm = (): void => {
    const before = watchers
    watchers = folders(path).flatMap((folder) => {
      try {
        const watcher = watch(folder, () => (timer ??= setTimeout(look, settle)))
        watcher.on('error', onBlind)
        return [watcher]
      } catch (error) {
        onBlind(error as Error)
        return []
      }
    })
    for (const watcher of before) watcher.close()
  }
  arm()
  // It may have changed since it was read.
  timer = setTimeout(look)
  return {
    look,
    close() {
      clearTimeout(timer)
      for (const watcher of watchers) watcher.close()
      watchers = []
    },
  }
}

/** Nothing but a file: to wait for somebody to write into a pipe would stop everything, and what was read from one is not there a second time. */
export function readWhole(path: string): string {
  if (!statSync(path).isFile()) throw new Error(`${path} is not a regular file: its changes cannot be followed`)
  return readFileSync(path, 'utf8')
}

/** Where the file stands, and where it really is when it is a link. */
function folders(path: string): string[] {
  const own = dirname(path)
  try {
    return [...new Set([own, dirname(realpathSync(path))])]
  } catch {
    // It is away for the moment; its folder tells when it is back.
    return [own]
  }
}
