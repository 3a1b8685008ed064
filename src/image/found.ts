import { parseConfig } from './config.ts'
import { type Digest, digestOf, isDigest } from './digest.ts'
import { list, object, parseJson, text } from './json.ts'
import type { ImageName } from './reference.ts'
import { refuse, shown } from './refuse.ts'

/** An image in an archive or registry: its configuration was read and checked, its layers not yet. */
export interface FoundImage {
  /** The digest of its configuration, as Docker and CRI name an image. */
  id: Digest
  names: ImageName[]
  config: Buffer
  layers: FoundLayer[]
}

export interface FoundLayer {
  /** Where it is: a name in the archive, or the blob's digest. */
  file: string
  /** Of its bytes as they lie there, where the manifest says it. */
  packed?: { digest: Digest; size: number }
  /** Of the tar archive that they are when unpacked. */
  diffId: Digest
}

/** Puts an image together from its configuration, which says what each layer has to be. */
export function foundImage(
  config: Buffer,
  what: string,
  names: ImageName[],
  files: Omit<FoundLayer, 'diffId'>[],
): FoundImage {
  // Only to see now, and not when a pod starts, that it can be read.
  parseConfig(config, what)
  const parsed = object(parseJson(config, what), what)
  const { os, architecture } = parsed
  if (text(os, `os in ${what}`) !== 'linux' || text(architecture, `architecture in ${what}`) !== machine) {
    const say = `the image is for ${shown(`${String(os)}/${String(architecture)}`)}, and this machine is linux/${machine}: take the image for this platform`
    throw refuse('WrongPlatform', say)
  }
  const ids = list(object(parsed['rootfs'], `rootfs in ${what}`)['diff_ids'], `rootfs.diff_ids in ${what}`)
  if (ids.length !== files.length)
    throw refuse(
      'BadJson',
      `the manifest has ${files.length} layers, but the image's configuration ${ids.length}: ${what}`,
    )
  const layers = files.map((file, index) => {
    const diffId = ids[index]
    if (!isDigest(diffId)) throw refuse('BadDigest', `rootfs.diff_ids[${index}] in ${what} is no sha256 digest`)
    return { ...file, diffId }
  })
  return { id: digestOf(config), names, config, layers }
}

/** Go's name of this processor, which images use. */
export const machine: string = process.arch === 'x64' ? 'amd64' : process.arch
