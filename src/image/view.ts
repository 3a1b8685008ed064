import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { join } from 'node:path'

/** Layers as overlayfs shows them together; the last is on top. Reads only, and follows no link. */
export class View {
  readonly #trees: readonly string[]

  constructor(trees: readonly string[]) {
    this.#trees = trees.toReversed()
  }

  /** What is at a path (`''` is the root); undefined when nothing is, or a layer above hides it. */
  stat(path: string): Stats | undefined {
    for (const tree of this.#trees) {
      const found = within(tree, path)
      if (found === 'missing') continue
      return found === 'hidden' ? undefined : found
    }
    return undefined
  }

  /** Names in a directory, without hidden ones. */
  names(path: string): string[] {
    const seen = new Map<string, boolean>()
    for (const tree of this.#trees) {
      const found = within(tree, path)
      if (found === 'missing') continue
      if (found === 'hidden' || !found.isDirectory()) break
      for (const name of readdirSync(join(tree, path)))
        if (!seen.has(name)) seen.set(name, !isWhiteout(lstatSync(join(tree, path, name))))
    }
    return [...seen].flatMap(([name, there]) => (there ? name : [])).sort()
  }

  /** Where on disk the file lies that is shown at a path. */
  fileAt(path: string): string | undefined {
    for (const tree of this.#trees) {
      const found = within(tree, path)
      if (found !== 'missing') return found !== 'hidden' && found.isFile() ? join(tree, path) : undefined
    }
    return undefined
  }

  /** Where the symbolic link at a path leads. */
  linkOf(path: string): string | undefined {
    for (const tree of this.#trees) {
      const found = within(tree, path)
      if (found === 'missing') continue
      return found !== 'hidden' && found.isSymbolicLink() ? readlinkSync(join(tree, path)) : undefined
    }
    return undefined
  }
}

function within(tree: string, path: string): Stats | 'missing' | 'hidden' {
  let at = tree
  let stat = lstatSync(at)
  for (const part of path.split('/').filter(Boolean)) {
    // Whatever lower layers have below a name that is no directory here cannot be seen.
    if (!stat.isDirectory()) return 'hidden'
    at = join(at, part)
    const next = lstatSync(at, { throwIfNoEntry: false })
    if (!next) return 'missing'
    if (isWhiteout(next)) return 'hidden'
    stat = next
  }
  return stat
}

const isWhiteout = (stat: Stats): boolean => stat.isCharacterDevice() && stat.rdev === 0
