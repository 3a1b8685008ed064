import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { hexOf } from '../digest.ts'
import { ImageStore } from '../store.ts'
import { View } from '../view.ts'

export interface World {
  folder: string
  store: ImageStore
  /** A new file with these bytes. */
  file(bytes: Buffer): string
  /** What a container of an image would see. */
  view(name: string): View
}

/** A store in a folder of its own, which goes with the test. */
export function world(t: Pick<TestContext, 'after'>): World {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-image-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const store = new ImageStore(join(folder, 'store'))
  let files = 0
  return {
    folder,
    store,
    file(bytes) {
      const path = join(folder, `archive-${files++}`)
      writeFileSync(path, bytes)
      return path
    },
    view(name) {
      const image = store.list().find(({ names }) => names.includes(name))
      return new View((image?.layers ?? []).map(({ chain }) => join(store.folder, 'layers', hexOf(chain))))
    },
  }
}
