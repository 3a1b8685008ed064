import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { hexOf } from './digest.ts'
import { ImageStore } from './store.ts'
import { dockerArchive } from './testing/archive.ts'
import { see } from './testing/see.ts'
import { world } from './testing/store.ts'
import { tar } from './testing/tar.ts'
import { layerBetween, treeOf } from './testing/trees.ts'
import { View } from './view.ts'

const name = 'docker.io/library/test:1'

test('random trees, packed as layers and unpacked, are the same trees', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(treeOf, fc.boolean()), { minLength: 1, maxLength: 4 }), async (steps) => {
      const folder = mkdtempSync(join(tmpdir(), 'kubehop-trees-'))
      try {
        const layers = steps.map(([tree, opaque], index) =>
          layerBetween(steps[index - 1]?.[0] ?? new Map(), tree, opaque),
        )
        writeFileSync(join(folder, 'archive'), dockerArchive(layers))
        const store = new ImageStore(join(folder, 'store'))
        await store.load(join(folder, 'archive'))
        const trees = (store.list()[0]?.layers ?? []).map(({ chain }) => join(folder, 'store/layers', hexOf(chain)))
        const wanted = [...(steps.at(-1)?.[0] ?? [])]
        assert.deepEqual(byPath(see(new View(trees), trees)), byPath(wanted))
      } finally {
        rmSync(folder, { recursive: true, force: true })
      }
    }),
    { numRuns: 150 },
  )
})

test('directories that a layer does not name stay as they were below', async (t) => {
  const { store, file, view } = world(t)
  const below = tar([{ path: 'tmp/', type: '5', mode: 0o1777, mtime: 5 }])
  await store.load(file(dockerArchive([below, tar([{ path: 'tmp/x/y' }])])))
  assert.equal(view(name).stat('tmp')?.mode, 0o41777)
  assert.equal(view(name).stat('tmp')?.mtimeMs, 5000)
  assert.equal(view(name).stat('tmp/x')?.mode, 0o40755)
})

test('a path through a link of a layer below goes where the link leads, inside the image', async (t) => {
  const { store, file, view } = world(t)
  const below = tar([
    { path: 'usr/lib/', type: '5' },
    { path: 'usr/lib/old' },
    { path: 'lib', type: '2', link: 'usr/lib' },
    { path: 'abs', type: '2', link: '/usr/../lib' },
  ])
  const above = tar([
    { path: 'lib/x' },
    { path: 'abs/y' },
    { path: 'lib/z', type: '1', link: 'abs/y' },
    { path: 'lib/.wh.old' },
  ])
  await store.load(file(dockerArchive([below, above])))
  assert.deepEqual(view(name).names('usr/lib'), ['x', 'y', 'z'])
  assert.equal(view(name).stat('lib')?.isSymbolicLink(), true)
})

test('a whiteout hides only what is below, wherever it stands in its layer', async (t) => {
  const { store, file, view } = world(t)
  const below = tar([{ path: 'a/old' }, { path: 'b' }, { path: 'c' }])
  const above = tar([
    { path: 'a/new' },
    { path: '.wh.a' },
    { path: '.wh.b' },
    { path: 'b', body: 'new' },
    { path: '.wh.c' },
    { path: 'nowhere/.wh.d' },
    { path: '.wh..wh.plnk/1.2', type: '1', link: 'x' },
  ])
  await store.load(file(dockerArchive([below, above])))
  assert.deepEqual(view(name).names(''), ['a', 'b'])
  assert.deepEqual(view(name).names('a'), ['new'])
})

const byPath = <T>(nodes: [string, T][]): [string, T][] => nodes.toSorted(([a], [b]) => (a < b ? -1 : 1))
