import { join } from 'node:path'
import { makeWhiteout } from '../kernel/whiteout.ts'
import type { LayerTree } from './layer-tree.ts'
import { refuse, shown } from './refuse.ts'
import type { View } from './view.ts'

const mark = '.wh.'
const opaque = '.wh..wh..opq'
/** Notes of aufs to itself. */
const reserved = '.wh..wh.'

/**
 * What a layer hides of those below (OCI image layer specification, "Whiteouts"), wherever in the layer it is said: files of the same layer
 * are never hidden. An opaque directory becomes a whiteout for each name that it hides, so no extended attribute is needed, which tmpfs has only
 * since Linux 6.6.
 */
export class Whiteouts {
  readonly #names: { parts: string[]; said: string; all: boolean }[] = []

  /** Whether the entry was no file but one of these marks. */
  take(parts: readonly string[], said: string): boolean {
    const name = parts.at(-1) ?? ''
    const parent = parts.slice(0, -1)
    if (parts.some((part) => part.startsWith(reserved) && part !== opaque)) return true
    if (parent.some((part) => part.startsWith(mark)))
      throw refuse('BadName', `${shown(said)} lies in a whiteout, which is no directory`)
    if (name === opaque) this.#names.push({ parts: [...parent, ''], said, all: true })
    else if (name.startsWith(mark)) {
      const hidden = name.slice(mark.length)
      if (['', '.', '..'].includes(hidden))
        throw refuse('LeadsOut', `the whiteout ${shown(said)} hides no name of its directory`)
      this.#names.push({ parts: [...parent, hidden], said, all: false })
    } else return false
    return true
  }

  /** After all files are there. */
  apply(tree: LayerTree, lower: View): void {
    for (const { parts, said, all } of this.#names) {
      const at = tree.find(parts, said)
      if (at === undefined) continue
      if (all) hideWithin(tree, lower, at.replace(/\/$/, ''))
      else hide(tree, lower, at)
    }
  }
}

function hide(tree: LayerTree, lower: View, path: string): void {
  if (lower.stat(path) === undefined) return
  const kind = tree.kindOf(path)
  if (kind === 'directory') hideWithin(tree, lower, path)
  if (kind !== undefined) return
  tree.place(path.split('/'), path)
  makeWhiteout(join(tree.folder, path))
  tree.whiteout(path)
}

function hideWithin(tree: LayerTree, lower: View, path: string): void {
  if (lower.stat(path)?.isDirectory() !== true) return
  for (const name of lower.names(path)) hide(tree, lower, path === '' ? name : `${path}/${name}`)
}
