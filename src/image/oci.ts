import type { Archive } from './archive.ts'
import { digestOf, hexOf } from './digest.ts'
import { foundImage, type FoundImage } from './found.ts'
import { object, parseJson } from './json.ts'
import { chooseManifest, type Descriptor, isIndex, isOurs, manifestsIn, notOurs, parseManifest } from './manifest.ts'
import { type ImageName, imageName } from './reference.ts'
import { refuse, shown } from './refuse.ts'

/** An OCI image layout: index.json names manifests, each a configuration and layers; all of them blobs by digest. */
export async function ociImages(archive: Archive): Promise<FoundImage[]> {
  const images: FoundImage[] = []
  const index = parseJson(await archive.read('index.json'), 'index.json')
  const all = manifestsIn(object(index, 'index.json'), 'index.json')
  const ours = all.filter((each) => isIndex(each) || each.said['platform'] === undefined || isOurs(each))
  if (ours.length === 0 && all.length > 0) throw notOurs('index.json')
  for (const top of ours) images.push(await readImage(archive, top, namesOf(top)))
  return images
}

async function readImage(archive: Archive, from: Descriptor, names: ImageName[]): Promise<FoundImage> {
  const what = blobOf(from)
  const manifest = parseManifest(await blob(archive, from), what)
  // An index within the index is one image for several platforms. Of the others an archive often has the names only; of ours it has to have all.
  if ('manifests' in manifest) {
    if (!isIndex(from)) throw refuse('BadJson', `${what} is an index where a manifest should be`)
    return await readImage(archive, chooseManifest(manifest.manifests, what), names)
  }
  const { config, layers } = manifest
  const files = layers.map(({ digest, size }) => ({ file: blobOf({ digest }), packed: { digest, size } }))
  return foundImage(await blob(archive, config), blobOf(config), names, files)
}

const blobOf = ({ digest }: Pick<Descriptor, 'digest'>): string => `blobs/sha256/${hexOf(digest)}`

async function blob(archive: Archive, from: Descriptor): Promise<Buffer> {
  const bytes = await archive.read(blobOf(from))
  if (bytes.length !== from.size || digestOf(bytes) !== from.digest)
    throw refuse('BadDigest', `${blobOf(from)} is not what its digest says: the archive is damaged`)
  return bytes
}

/** containerd writes the whole name; others a tag only, which names nothing. */
function namesOf({ said }: Descriptor): ImageName[] {
  const annotations = object(said['annotations'] ?? {}, 'annotations')
  const whole = annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name']
  if (typeof whole !== 'string' || (!/[:/]/.test(whole) && annotations['io.containerd.image.name'] === undefined))
    return []
  const name = imageName(whole)
  if (name === undefined) throw refuse('BadName', `${shown(whole)} in index.json is no name of an image`)
  return [name]
}
