// A process that pulls, removes and uses images of a store at random, three at once, until it is told or killed:
//   node at-work.ts STORE REGISTRY SEED
import { readdirSync } from 'node:fs'
import { KubehopError } from '../../base/errors.ts'
import { ImageStore } from '../store.ts'

const [folder = '', host = '', seed = '1'] = process.argv.slice(2)
const store = new ImageStore(folder)
let state = Number(seed)
const stop = new AbortController()
process.stdin.once('end', () => stop.abort()).resume()

/** A whole number below `end`; the same row for the same seed (the constants are those of POSIX's rand). */
function random(end: number): number {
  state = (state * 1_103_515_245 + 12_345) % 2 ** 31
  return (state >> 8) % end
}

async function turn(): Promise<void> {
  const name = `${host}/image${random(4)}:1`
  const what = random(10)
  if (what < 5) {
    await store.pull(name, random(4) === 0 ? { signal: AbortSignal.timeout(1 + random(60)) } : {})
    return
  }
  if (what < 8) {
    await store.remove(name)
    return
  }
  const image = store.find(name)
  if (!image) return
  using _ = store.use(image)
  for (let looks = 0; looks < 5; looks++) {
    for (const layer of store.lowerdirs(image))
      if (readdirSync(layer).length !== 3) throw new Error(`${layer} is not whole while it is used`)
    await new Promise(setImmediate)
  }
}

async function work(): Promise<void> {
  while (!stop.signal.aborted) {
    try {
      await turn()
    } catch (error) {
      const expected = error instanceof KubehopError && error.code === 'NoImage'
      if (!expected && !(error instanceof DOMException && error.name === 'TimeoutError')) throw error
    }
    process.stdout.write('.')
  }
}

await Promise.all([work(), work(), work()])
