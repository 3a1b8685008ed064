import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ImageStore } from '../../src/image/store.ts'
import { dockerArchive } from '../../src/image/testing/archive.ts'
import { type Member, tar } from '../../src/image/testing/tar.ts'
import type { PodsOptions } from '../../src/pod/pods.ts'
import { type Config, files, programs } from './machine-image.ts'
import { makeNode, type Node } from './pod-world.ts'

/** A node with a store of images of its own. */
export class ImageNode implements AsyncDisposable {
  readonly folder: string
  readonly store: ImageStore
  readonly node: Node
  readonly #base: Buffer
  #count = 0

  constructor(folder: string, store: ImageStore, node: Node) {
    this.folder = folder
    this.store = store
    this.node = node
    this.#base = tar([...files, ...programs()])
  }

  /** Loads an image of the programs, what is added to them, and a configuration. Returns its name. */
  async image(
    config: Config = {},
    more: readonly Member[] = [],
    name: string = `test/image${++this.#count}:v1`,
  ): Promise<string> {
    return this.load(this.archive(config, more.length === 0 ? [] : [tar(more)], name), name)
  }

  archive(config: Config, layers: readonly Buffer[], name: string, base = true): Buffer {
    return dockerArchive([...(base ? [this.#base] : []), ...layers], [name], { config })
  }

  async load(archive: Buffer, name: string, store: ImageStore = this.store): Promise<string> {
    const path = join(this.folder, `archive-${++this.#count}`)
    writeFileSync(path, archive)
    await store.load(path)
    rmSync(path)
    return name
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]()
    rmSync(this.folder, { recursive: true })
  }
}

export async function makeImageNode(options: Partial<PodsOptions> = {}): Promise<ImageNode> {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-images-'))
  const store = new ImageStore(join(folder, 'images'))
  const node = await makeNode({ ...options, images: { stores: [store.folder], ...options.images } })
  return new ImageNode(folder, store, node)
}
