import { linkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import type { Budget } from './limits.ts'
import { LayerTree } from './layer-tree.ts'
import { followLink, partsOf } from './paths.ts'
import { refuse, shown } from './refuse.ts'
import type { TarEntry } from './tar/read.ts'
import type { View } from './view.ts'
import { Whiteouts } from './whiteouts.ts'
import { own, writeFile } from './write.ts'

export interface Unpacked {
  /** Bytes of all its files. */
  bytes: number
  /** Files and directories that could not keep an extended attribute. */
  withoutAttributes: string[]
}

/**
 * Writes a layer's files into `folder`, an empty directory that only this process can reach. `lower` is what the layers below show. Whiteouts
 * (OCI image layer specification) become overlayfs's own.
 */
export async function unpackLayer(
  entries: AsyncIterable<TarEntry>,
  folder: string,
  lower: View,
  budget: Budget,
): Promise<Unpacked> {
  const tree = new LayerTree(folder, lower)
  const whiteouts = new Whiteouts()
  const unpacked: Unpacked = { bytes: 0, withoutAttributes: [] }
  for await (const entry of entries) {
    budget.entry()
    const parts = partsOf(entry.path)
    if (whiteouts.take(parts, entry.path)) continue
    budget.bytes(entry.size, shown(entry.path))
    if (!(await put(tree, entry, parts))) unpacked.withoutAttributes.push(parts.join('/'))
    unpacked.bytes += entry.size
  }
  whiteouts.apply(tree, lower)
  unpacked.withoutAttributes.push(...(await tree.finish()))
  return unpacked
}

/** Whether it is all that it was; of directories that is known at the end. */
async function put(tree: LayerTree, entry: TarEntry, parts: string[]): Promise<boolean> {
  if (parts.length === 0 && entry.kind !== 'directory') throw refuse('BadName', `${shown(entry.path)} has no name`)
  const at = parts.length === 0 ? '' : tree.place(parts, entry.path)
  const target = join(tree.folder, at)
  if (entry.kind === 'directory') {
    tree.directory(at, entry)
    return true
  }
  // Before it has its own name: a link to itself leads to nothing.
  const source = entry.kind === 'hardlink' ? linked(tree, entry) : ''
  tree.claim(at, entry)
  switch (entry.kind) {
    case 'file':
      return writeFile(target, entry)
    case 'symlink':
      symlinkSync(checkedLink(at, entry), target)
      return own(target, entry)
    case 'hardlink':
      linkSync(join(tree.folder, source), target)
      // They are those of the file that it leads to.
      return true
  }
}

/** Absolute ones are fine: they mean the container's root. */
function checkedLink(at: string, { path, link }: TarEntry): string {
  if (link === '' || link.includes('\0') || Buffer.byteLength(link) >= 4096)
    throw refuse('BadName', `the symbolic link ${shown(path)} leads to ${shown(link)}, which is no path`)
  if (!followLink(at.split('/').slice(0, -1), link))
    throw refuse('LeadsOut', `the symbolic link ${shown(path)} leads out of the image, to ${shown(link)}`)
  return link
}

function linked(tree: LayerTree, { path, link }: TarEntry): string {
  let parts: string[]
  try {
    parts = partsOf(link)
  } catch (error) {
    throw refuse('LeadsOut', `the hard link ${shown(path)} leads out of the image, to ${shown(link)}`, error)
  }
  const to = tree.find(parts, path)
  // Names in the tree never go through a link, so this file lies in the layer.
  const kind = to === undefined ? undefined : tree.kindOf(to)
  if (to !== undefined && (kind === 'file' || kind === 'symlink')) return to
  throw refuse(
    'BadLink',
    `the hard link ${shown(path)} leads to ${shown(link)}, which is no earlier file of the same layer`,
  )
}
