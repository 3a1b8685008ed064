import { join } from 'node:path'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { imageIdOf, sizeOf, type StoredImage } from '../../image/catalog.ts'
import type { ImageConfig } from '../../image/config.ts'
import { type ImageName, imageName } from '../../image/reference.ts'
import type { Keyring } from '../../image/registry/keyring.ts'
import { ImageStore } from '../../image/store.ts'
import { hexOf } from '../../image/digest.ts'
import { type Accounts, accountsBytes } from '../container/accounts.ts'
import { ImageFiles } from '../root/image-files.ts'

/** An image that is on this machine. */
export interface LocalImage {
  /** In full: `docker.io/library/web:latest`. */
  name: ImageName
  /** As a pod's status says it. */
  id: string
  config: ImageConfig
  /** Directories, the top one first. */
  layers: string[]
  files: ImageFiles
  accounts: Accounts
  /** The file that is shared as long as the layers have to stay. */
  hold: string
  /** Lets the layers stay. Throws NoImage when they have just gone. */
  use(): Disposable
}

/** As many images as their files are remembered of. */
const mostKnown = 200

/** The stores of images that a node's containers are made from, the first before the others. */
export class LocalImages {
  readonly #stores: readonly ImageStore[]
  readonly #log: Log
  /** Images never change; by store and id. */
  readonly #known = new Map<string, Pick<LocalImage, 'files' | 'accounts'>>()

  constructor(folders: readonly string[], log: Log) {
    this.#log = log
    this.#stores = folders.map((folder) => new ImageStore(folder))
  }

  /** By a name as people write it. */
  find(text: string): LocalImage | undefined {
    for (const store of this.#stores) {
      const image = store.find(text)
      if (image) return this.#local(store, image, imageName(text) ?? image.names[0] ?? image.id)
    }
    return undefined
  }

  /** Brings an image into the first store. */
  async pull(name: ImageName, credentials: readonly Keyring[], signal: AbortSignal): Promise<{ bytes: number }> {
    const [store] = this.#stores
    if (!store) throw new KubehopError('pod', 'pull', 'NoStore', 'this node was given no folder for images')
    return { bytes: sizeOf(await store.pull(name, { credentials, signal })) }
  }

  #use(store: ImageStore, image: StoredImage): Disposable {
    const lease = store.use(image)
    return {
      [Symbol.dispose]: () => {
        lease[Symbol.dispose]()
        if (store.find(image.id)) return
        // It was removed while it was used.
        store.collect().catch((error: unknown) => {
          this.#log.warn({ image: image.id, error: messageOf(error) }, 'the files of a removed image are left for now')
        })
      },
    }
  }

  #local(store: ImageStore, image: StoredImage, name: ImageName): LocalImage {
    const config = store.configOf(image)
    const layers = store.lowerdirs(image)
    const key = `${store.folder} ${image.id}`
    let known = this.#known.get(key)
    if (!known) {
      const files = new ImageFiles(layers.toReversed())
      const text = (path: string): string => files.lines(path, accountsBytes) ?? ''
      known = { files, accounts: { user: config.user, passwd: text('/etc/passwd'), group: text('/etc/group') } }
      if (this.#known.size >= mostKnown) this.#known.clear()
      this.#known.set(key, known)
    }
    return {
      name,
      id: imageIdOf(image, name),
      config,
      layers,
      ...known,
      hold: join(store.folder, 'configs', hexOf(image.id)),
      use: () => this.#use(store, image),
    }
  }
}
