import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { hexOf } from '../../src/image/digest.ts'
import { ImageStore } from '../../src/image/store.ts'
import { dockerArchive } from '../../src/image/testing/archive.ts'
import { see } from '../../src/image/testing/see.ts'
import { layerBetween, treeOf } from '../../src/image/testing/trees.ts'
import { View } from '../../src/image/view.ts'
import { declare } from '../../src/kernel/libc.ts'
import { mountTmpfs, unmount } from '../../src/kernel/mount.ts'

const mount = declare<[string, string, string, number, string]>(
  'int mount(const char *, const char *, const char *, unsigned long, const char *)',
)

test("the kernel's own overlay shows the layers of random trees as the trees they were packed from", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-overlay-'))
  mountTmpfs(folder, 'mode=700')
  t.after(() => {
    unmount(folder)
    rmSync(folder, { recursive: true })
  })
  const merged = join(folder, 'merged')
  const empty = join(folder, 'empty')
  for (const each of [merged, empty]) mkdirSync(each)
  let round = 0
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(treeOf, fc.boolean()), { minLength: 1, maxLength: 4 }), async (steps) => {
      const layers = steps.map(([tree, opaque], index) =>
        layerBetween(steps[index - 1]?.[0] ?? new Map(), tree, opaque),
      )
      const at = join(folder, String(round++))
      mkdirSync(at)
      writeFileSync(join(at, 'archive'), dockerArchive(layers))
      const store = new ImageStore(join(at, 'store'))
      const [image] = await store.load(join(at, 'archive'))
      const trees = (image?.layers ?? []).map(({ chain }) => join(at, 'store/layers', hexOf(chain)))
      // Without one that can be written, an overlay needs two.
      mount('mount', 'test', merged, 'overlay', 0, `lowerdir=${[...trees.toReversed(), empty].join(':')},userxattr`)
      try {
        const seen = see(new View([merged]), [merged])
        assert.deepEqual(byPath(seen), byPath([...(steps.at(-1)?.[0] ?? [])]))
      } finally {
        unmount(merged)
      }
    }),
    { numRuns: 60 },
  )
})

const byPath = <T>(nodes: [string, T][]): [string, T][] => nodes.toSorted(([a], [b]) => (a < b ? -1 : 1))
