import { chmodSync, lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { View } from '../view.ts'
import type { Node } from './trees.ts'

/** All that a view shows; `trees` are its layers, the lowest first. */
export function see(view: View, trees: readonly string[], directory = ''): [string, Node][] {
  return view.names(directory).flatMap((name) => {
    const path = directory === '' ? name : `${directory}/${name}`
    const stat = view.stat(path)
    const mode = (stat?.mode ?? 0) & 0o7777
    if (stat?.isDirectory()) return [[path, { kind: 'directory', mode }], ...see(view, trees, path)]
    if (stat?.isSymbolicLink()) return [[path, { kind: 'symlink', to: view.linkOf(path) ?? '' }]]
    const top = trees.findLast((tree) => lstatSync(join(tree, path), { throwIfNoEntry: false })?.isFile()) ?? ''
    return [[path, { kind: 'file', mode, body: bodyOf(join(top, path), mode) }]]
  })
}

/** Also of a file that its owner, who is no root, may not read. */
function bodyOf(path: string, mode: number): string {
  if (mode & 0o400) return readFileSync(path, 'utf8')
  chmodSync(path, mode | 0o400)
  try {
    return readFileSync(path, 'utf8')
  } finally {
    chmodSync(path, mode)
  }
}
