import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findLargest } from './largest.ts'
import type { SizeTried } from '../types.ts'

/** Links one behind the other, and whether who stands before each says what it takes. */
type Path = { readonly mtu: number; readonly says: boolean }[]

function send(path: Path, sizes: number[]): { tried: SizeTried }[] {
  return sizes.map((bytes) => {
    const stops = path.find(({ mtu }) => mtu < bytes)
    if (!stops) return { tried: { bytes, passed: true } }
    return { tried: { bytes, passed: false, ...(stops.says && { by: 'somebody', mtu: stops.mtu }) } }
  })
}

test('on any path the largest packet is found, in few packets', async () => {
  const link = fc.record({ mtu: fc.integer({ min: 68, max: 9000 }), says: fc.boolean() })
  await fc.assert(
    fc.asyncProperty(fc.array(link, { minLength: 1, maxLength: 6 }), async (path) => {
      const start = path[0]?.mtu ?? 0
      const { largest, all } = await findLargest(start, async (sizes) => send(path, sizes))
      assert.equal(largest, Math.min(...path.map(({ mtu }) => mtu)))
      assert.ok(all.length <= 60, `${all.length} packets`)
    }),
  )
})

test('a path that is wide everywhere, or says what it takes, needs hardly a packet', async () => {
  const packets = async (path: Path): Promise<number[]> =>
    (await findLargest(1500, async (sizes) => send(path, sizes))).all.map(({ tried }) => tried.bytes)
  assert.deepEqual(await packets([{ mtu: 1500, says: true }]), [1500])
  assert.deepEqual(await packets([{ mtu: 1200, says: true }]), [1500, 1200])
  assert.deepEqual(
    await packets([
      { mtu: 1400, says: true },
      { mtu: 900, says: true },
    ]),
    [1500, 1400, 900],
  )
})

test('where nothing passes, nothing is the largest; who cannot send has tried nothing', async () => {
  const { largest, all } = await findLargest(1500, async (sizes) => send([{ mtu: 0, says: false }], sizes))
  assert.equal(largest, 0)
  assert.equal(Math.min(...all.map(({ tried }) => tried.bytes)), 68)
  assert.deepEqual(await findLargest(1500, async () => []), { largest: 0, all: [] })
})
