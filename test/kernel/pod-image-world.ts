import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ImageStore } from '../../src/image/store.ts'
import { dockerArchive } from '../../src/image/testing/archive.ts'
import { type Member, tar } from '../../src/image/testing/tar.ts'
import type { PodsOptions } from '../../src/pod/pods.ts'
import { makeNode, type Node } from './pod-world.ts'

const usual =
  'sh cat ls id stat touch mkdir readlink df head sleep env rm ln dd test sed grep tr mv rmdir wc sort'.split(' ')

/** The whole configuration of an image, as Docker writes it. */
export interface Config {
  Entrypoint?: string[]
  Cmd?: string[]
  Env?: string[]
  User?: string
  WorkingDir?: string
  Volumes?: Record<string, object>
  StopSignal?: string
}

/** This machine's own shell and a few programs with their libraries: a layer that runs, made without any download. */
export function programs(names: readonly string[] = usual): Member[] {
  const members = new Map<string, Member>()
  const add = (path: string, from: string): void => {
    members.set(path, { path, mode: 0o755, body: readFileSync(from) })
  }
  for (const name of names) {
    const from = realpathSync(['/usr/bin', '/bin'].map((at) => join(at, name)).find((path) => existsSync(path)) ?? name)
    add(`bin/${name}`, from)
    const libraries = execFileSync('ldd', [from], { encoding: 'utf8' }).matchAll(/(?:=> )?(\/\S+) \(0x/g)
    for (const [, library = ''] of libraries) add(library.slice(1), realpathSync(library))
  }
  return [...members.values()]
}

export const directory = (path: string, mode = 0o755): Member => ({ path: `${path}/`, type: '5', mode })
export const file = (path: string, body: string, mode = 0o644): Member => ({ path, body, mode })
export const link = (path: string, to: string): Member => ({ path, type: '2', link: to, mode: 0o777 })

const passwd = 'root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001:a web server:/home/web:/bin/sh\n'
const group = 'root:x:0:\nweb:x:1001:\nextra:x:1002:web,other\nother:x:1003:nobody\n'

/** What most images have, without programs. */
export const files: Member[] = [
  directory('etc'),
  directory('tmp', 0o1777),
  directory('home/web'),
  file('etc/passwd', passwd),
  file('etc/group', group),
]

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
    name = `test/image${++this.#count}:v1`,
  ): Promise<string> {
    return this.load(this.archive(config, more.length === 0 ? [] : [tar(more)], name), name)
  }

  archive(config: Config, layers: readonly Buffer[], name: string, base = true): Buffer {
    return dockerArchive([...(base ? [this.#base] : []), ...layers], [name], { config })
  }

  async load(archive: Buffer, name: string, store = this.store): Promise<string> {
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
