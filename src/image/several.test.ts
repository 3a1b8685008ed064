import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hexOf } from './digest.ts'
import { serveRegistry } from './testing/registry.ts'
import { world } from './testing/store.ts'
import { tar } from './testing/tar.ts'

const program = fileURLToPath(new URL('./testing/at-work.ts', import.meta.url))
const layer = (name: string): Buffer =>
  tar(['a', 'b', 'c'].map((path) => ({ path, body: Buffer.alloc(50_000, name + path) })))

test('several processes at work in one store, some of them killed, leave it whole', async (t) => {
  const { store } = world(t)
  const registry = await serveRegistry(t)
  const shared = [layer('x'), layer('y')]
  for (let index = 0; index < 4; index++)
    registry.push(`image${index}:1`, [...shared.slice(0, index % 3), layer(`own${index}`), layer('top')])
  const begin = (seed: number): ChildProcessByStdio<Writable, Readable, null> =>
    spawn(process.execPath, [program, store.folder, registry.host, String(seed)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
  const seed = Math.trunc(Math.random() * 1e6)
  t.diagnostic(`seeds from ${seed} on`)
  for (let round = 0; round < 2; round++) {
    const first = seed + round * 10
    const processes = [begin(first), begin(first + 1), begin(first + 2)]
    const ends = processes.map((each) => once(each, 'exit') as Promise<[number | null, string | null]>)
    // Each a few turns; then one of them ends as it wants to, and the others are in the middle of something.
    await Promise.all(processes.map((each) => turns(each, 5 + round * 10)))
    const [last, ...others] = processes
    for (const each of others) each.kill('SIGKILL')
    last?.stdin.end()
    const codes = (await Promise.all(ends)).map(([code, signal]) => code ?? signal)
    assert.deepEqual(codes, [0, 'SIGKILL', 'SIGKILL'])
    await store.collect()
    const wanted = new Set(store.list().flatMap(({ layers }) => layers.map(({ chain }) => hexOf(chain))))
    const layers = join(store.folder, 'layers')
    assert.deepEqual(existsSync(layers) ? readdirSync(layers).sort() : [], [...wanted].sort())
    for (const name of wanted) assert.deepEqual(readdirSync(join(layers, name)), ['a', 'b', 'c'])
    const files = store.list().length > 0 ? ['configs', 'images.json', 'layers'] : []
    assert.deepEqual(existsSync(store.folder) ? readdirSync(store.folder).sort() : [], files)
  }
})

/** When a process has had so many turns. */
async function turns({ stdout }: { stdout: Readable }, count: number): Promise<void> {
  let seen = 0
  for await (const chunk of stdout.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>)
    if ((seen += chunk.length) >= count) break
  stdout.resume()
}
