import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { KubehopError } from '../base/errors.ts'
import { hexOf } from './digest.ts'
import { ImageStore } from './store.ts'
import { dockerArchive, ociArchive } from './testing/archive.ts'
import { see } from './testing/see.ts'
import { type Member, tar } from './testing/tar.ts'
import { View } from './view.ts'

const part = fc.constantFrom('a', 'b', 'c', '.', '..', '', '.wh.a', '.wh.b', '.wh..wh..opq', '.wh..wh.x', '.wh...', 'ü')
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
/** Most of them honest: otherwise nearly all layers would be refused at their first entry. */
const honest = fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const member: fc.Arbitrary<Member> = fc.record(
  {
    path: fc.oneof({ arbitrary: honest, weight: 6 }, path),
    type: fc.oneof({ arbitrary: fc.constantFrom('0', '1', '2', '5'), weight: 20 }, fc.constantFrom('3', '7', 'S', 'L')),
    link: fc.oneof({ arbitrary: honest, weight: 3 }, path, fc.constantFrom('/', '/a', '../..', '/../a')),
    body: fc.string({ maxLength: 3 }),
    mode: fc.constantFrom(0, 0o555, 0o7777),
  },
  { noNullPrototype: true },
)
const layers = fc.array(fc.array(member, { maxLength: 6 }), { minLength: 1, maxLength: 3 })

test('layers of random entries are taken or refused, and nothing lands beside the store', async () => {
  let taken = 0
  await fc.assert(
    fc.asyncProperty(layers, async (given) => {
      const trees = await tryToLoad(dockerArchive(given.map(tar)))
      if (trees) taken++
    }),
    { numRuns: 400 },
  )
  assert.ok(taken > 5, `${taken} were taken`)
})

test('archives with random bytes in them are taken or refused', async () => {
  const layer = tar([
    { path: 'a/b', body: 'b' },
    { path: 'l', type: '2', link: 'a' },
    { path: `${'n'.repeat(90)}/${'m'.repeat(90)}` },
  ])
  const good = [dockerArchive([layer]), ociArchive([layer]), dockerArchive([tar([{ path: 'x', pax: { path: 'y' } }])])]
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...good),
      fc.array(change, { minLength: 1, maxLength: 6 }),
      async (from, changes) => {
        const bytes = Buffer.from(from)
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        await tryToLoad(bytes)
      },
    ),
    { numRuns: 300 },
  )
})

test('a layer with random bytes in it, and the digest to fit, is taken or refused', async () => {
  const layer = tar([
    { path: 'a/b', body: 'b' },
    { path: 'l', type: '2', link: 'a' },
    { path: 'x', pax: { path: 'y', mtime: '1.5' } },
  ])
  const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }))
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const bytes = Buffer.from(layer)
      for (const [at, value] of changes) bytes[at % bytes.length] = value
      await tryToLoad(dockerArchive([mended(bytes)]))
    }),
    { numRuns: 300 },
  )
})

/** The trees of the image; undefined when it was refused, and then nothing may be left. */
async function tryToLoad(bytes: Buffer): Promise<string[] | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-hostile-'))
  try {
    const parent = join(folder, 'parent')
    mkdirSync(parent)
    writeFileSync(join(folder, 'archive'), bytes)
    const store = new ImageStore(join(parent, 'store'))
    const loaded = await store.load(join(folder, 'archive')).catch((error: unknown) => {
      assert.ok(error instanceof KubehopError, String((error as Error).stack))
      // A code such as EEXIST would be the system's: something that should have been refused before.
      assert.doesNotMatch(error.code, /^E[A-Z]+$/, error.message)
    })
    assert.deepEqual(readdirSync(folder).sort(), ['archive', 'parent'])
    assert.deepEqual(readdirSync(parent), loaded ? ['store'] : [])
    if (!loaded) return undefined
    const trees = (loaded[0]?.layers ?? []).map(({ chain }) => join(store.folder, 'layers', hexOf(chain)))
    assert.ok(see(new View(trees), trees).length >= 0)
    return trees
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** With checksums that fit again, so that more than these is looked at. */
function mended(bytes: Buffer): Buffer {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512)
    if (block.toString('latin1', 257, 262) !== 'ustar') continue
    block.fill(' ', 148, 156)
    block.write(
      `${block
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
      'latin1',
    )
  }
  return bytes
}
