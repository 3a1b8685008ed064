import fc from 'fast-check'
import { type Member, tar } from './tar.ts'

export type Node =
  | { kind: 'file'; mode: number; body: string }
  | { kind: 'directory'; mode: number }
  | { kind: 'symlink'; to: string }

/** What there is at each path; a directory stands before what is in it. */
export type Tree = ReadonlyMap<string, Node>

const mode = fc.constantFrom(0o755, 0o700, 0o1777, 0o4711)
const node: fc.Arbitrary<Node> = fc.oneof(
  fc.record(
    { kind: fc.constant('file' as const), mode, body: fc.string({ maxLength: 12 }) },
    { noNullPrototype: true },
  ),
  { arbitrary: fc.record({ kind: fc.constant('directory' as const), mode }, { noNullPrototype: true }), weight: 2 },
  fc.record(
    { kind: fc.constant('symlink' as const), to: fc.constantFrom('a', '/b/c', 'a/../b', '/', '/../../x') },
    { noNullPrototype: true },
  ),
)
const path = fc.array(fc.constantFrom('a', 'b', 'ü', `long${'g'.repeat(60)}`), { minLength: 1, maxLength: 4 })

export const treeOf: fc.Arbitrary<Tree> = fc.array(fc.tuple(path, node), { maxLength: 14 }).map((given) => {
  const tree = new Map<string, Node>()
  for (const [parts, node] of given.toSorted(([a], [b]) => a.length - b.length)) {
    const parents = parts.slice(0, -1).map((_, index) => parts.slice(0, index + 1).join('/'))
    if (parents.some((parent) => tree.has(parent) && tree.get(parent)?.kind !== 'directory')) continue
    for (const parent of parents) if (!tree.has(parent)) tree.set(parent, { kind: 'directory', mode: 0o755 })
    if (!tree.has(parts.join('/'))) tree.set(parts.join('/'), node)
  }
  return tree
})

/** The layer that makes one tree of another. `opaque`: directories that it writes anew instead of saying what changed in them. */
export function layerBetween(before: Tree, after: Tree, opaque: boolean): Buffer {
  const fresh = new Set<string>()
  const members: Member[] = []
  for (const [path, node] of after) {
    const old = before.get(path)
    const all = [...fresh].some((directory) => path.startsWith(`${directory}/`))
    if (opaque && node.kind === 'directory' && old?.kind === 'directory' && path.length % 2 === 1) fresh.add(path)
    if (all || fresh.has(path) || JSON.stringify(old) !== JSON.stringify(node)) members.push(memberOf(path, node))
  }
  for (const directory of fresh) members.push({ path: `${directory}/.wh..wh..opq` })
  for (const path of before.keys()) {
    const at = path.lastIndexOf('/') + 1
    const parent = path.slice(0, Math.max(0, at - 1))
    const seen = parent === '' || after.get(parent)?.kind === 'directory'
    if (after.has(path) || !seen || fresh.has(parent)) continue
    members.push({ path: `${path.slice(0, at)}.wh.${path.slice(at)}` })
  }
  return tar(members)
}

function memberOf(path: string, node: Node): Member {
  switch (node.kind) {
    case 'file':
      return { path, mode: node.mode, body: node.body }
    case 'directory':
      return { path: `${path}/`, type: '5', mode: node.mode }
    case 'symlink':
      return { path, type: '2', link: node.to, mode: 0o777 }
  }
}
