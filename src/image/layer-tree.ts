import { mkdirSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { followLink } from './paths.ts'
import { refuse, shown } from './refuse.ts'
import type { TarEntry } from './tar/read.ts'
import type { View } from './view.ts'
import { type Attributes, own } from './write.ts'

type Kind = 'directory' | 'file' | 'symlink' | 'whiteout'

/** As Linux does. */
const maxLinks = 40

/**
 * The names that a layer has got so far. Whether a path goes through a link is told from these, so no link that the layer made is ever
 * followed on disk.
 */
export class LayerTree {
  readonly folder: string
  readonly #lower: View
  readonly #kinds = new Map<string, Kind>([['', 'directory']])
  /** Given to directories at the end: until then, files are made in them. */
  readonly #attributes = new Map<string, Attributes>()

  constructor(folder: string, lower: View) {
    this.folder = folder
    this.#lower = lower
    this.#attributes.set('', attributesOf(lower.stat('')))
  }

  kindOf(path: string): Kind | undefined {
    return this.#kinds.get(path)
  }

  /** Takes a name for something that is no directory. */
  claim(path: string, { kind, path: said }: Pick<TarEntry, 'kind' | 'path'>): void {
    if (this.#kinds.has(path)) throw refuse('Duplicate', `${shown(said)} is there twice in one layer`)
    this.#kinds.set(path, kind === 'symlink' ? 'symlink' : 'file')
  }

  whiteout(path: string): void {
    this.#kinds.set(path, 'whiteout')
  }

  /** Again and again is fine: builders repeat directories, and the last one counts. */
  directory(path: string, attributes: Attributes & { path: string }): void {
    const kind = this.#kinds.get(path)
    if (kind === undefined) this.#make(path)
    else if (kind !== 'directory') throw refuse('Duplicate', `${shown(attributes.path)} is there twice in one layer`)
    this.#attributes.set(path, attributes)
  }

  /**
   * Where an entry goes, as a path in this layer. Directories that the layer does not name are made as the layers below have them. A link of a
   * layer below is followed with the image as root, as a container would; one of the same layer is refused.
   */
  place(parts: readonly string[], said: string): string {
    return this.#walk(parts, said, true) ?? ''
  }

  /** The same without making anything; undefined when a directory on the way is nowhere. */
  find(parts: readonly string[], said: string): string | undefined {
    return this.#walk(parts, said, false)
  }

  /** The directories that could not keep an extended attribute. */
  async finish(): Promise<string[]> {
    const missing: string[] = []
    // Children first: making them changed the times of their parents.
    for (const [index, [path, attributes]] of [...this.#attributes].toReversed().entries()) {
      if (!own(join(this.folder, path), attributes)) missing.push(path)
      // Thousands of directories take a while, in which others want their turn.
      if (index % 256 === 255) await setImmediate()
    }
    return missing
  }

  #walk(parts: readonly string[], said: string, make: boolean): string | undefined {
    let missing = [...parts]
    let done: string[] = []
    for (let links = 0; missing.length > 1; ) {
      const [part = '', ...rest] = missing
      const next = [...done, part]
      const path = next.join('/')
      const link = this.#linkBelow(path, said)
      if (link === undefined) {
        if (!this.#kinds.has(path)) {
          if (make) this.#imply(path)
          else if (!this.#lower.stat(path)) return undefined
        }
        done = next
        missing = rest
        continue
      }
      const target = followLink(done, link)
      if (!target || ++links > maxLinks)
        throw refuse('LeadsOut', `${shown(said)} goes through the link ${shown(path)}, which leads out of the image`)
      missing = [...target, ...rest]
      done = []
    }
    return [...done, ...missing].join('/')
  }

  /** Where the link leads that stands in the place of a directory; undefined when there is a directory or nothing. */
  #linkBelow(path: string, said: string): string | undefined {
    const kind = this.#kinds.get(path)
    if (kind === 'directory') return undefined
    if (kind === 'symlink')
      throw refuse('LeadsOut', `${shown(said)} goes through ${shown(path)}, a symbolic link of the same layer`)
    const below = kind === undefined ? this.#lower.stat(path) : undefined
    if (kind === undefined && (!below || below.isDirectory())) return undefined
    if (below?.isSymbolicLink() === true) return this.#lower.linkOf(path)
    throw refuse('NotDirectory', `${shown(said)} lies in ${shown(path)}, which is no directory`)
  }

  #imply(path: string): void {
    this.#make(path)
    this.#attributes.set(path, attributesOf(this.#lower.stat(path)))
  }

  #make(path: string): void {
    mkdirSync(join(this.folder, path), 0o700)
    this.#kinds.set(path, 'directory')
  }
}

function attributesOf(below: Stats | undefined): Attributes {
  if (!below) return { kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: 0, xattrs: new Map() }
  const { mode, uid, gid, mtimeMs } = below
  return { kind: 'directory', mode: mode & 0o7777, uid, gid, mtime: mtimeMs / 1000, xattrs: new Map() }
}
