import type { Archive } from './archive.ts'
import { type Digest, digestOf, hexOf, isDigest } from './digest.ts'
import { foundImage, type FoundImage, machine } from './found.ts'
import { list, object, parseJson, text, type Unknown } from './json.ts'
import { type ImageName, imageName } from './reference.ts'
import { refuse, shown } from './refuse.ts'

interface Descriptor {
  digest: Digest
  size: number
  mediaType: string
  said: Unknown
}

/** An OCI image layout: index.json names manifests, each a configuration and layers; all of them blobs by digest. */
export async function ociImages(archive: Archive): Promise<FoundImage[]> {
  const images: FoundImage[] = []
  const all = manifests(parseJson(await archive.read('index.json'), 'index.json'), 'index.json')
  const ours = all.filter((each) => isIndex(each) || each.said['platform'] === undefined || isOurs(each))
  if (ours.length === 0 && all.length > 0) throw notOurs('index.json')
  for (const top of ours) images.push(await readImage(archive, await ofThisMachine(archive, top), namesOf(top)))
  return images
}

/** An index within the index is one image for several platforms. */
async function ofThisMachine(archive: Archive, top: Descriptor): Promise<Descriptor> {
  if (!isIndex(top)) return top
  const what = blobOf(top)
  const choice = manifests(parseJson(await blob(archive, top), what), what)
  const fit = choice.find((each) => !isIndex(each) && isOurs(each))
  // Of the other platforms an archive often has the names only; of ours it has to have all.
  if (fit) return fit
  throw notOurs(what)
}

const notOurs = (what: string): Error =>
  refuse('WrongPlatform', `${what} has no image for linux/${machine}: save the image for this platform`)

function isOurs({ said }: Descriptor): boolean {
  const { os, architecture } = object(said['platform'] ?? {}, 'a platform')
  return os === 'linux' && architecture === machine
}

const isIndex = ({ mediaType }: Descriptor): boolean => /image\.index|manifest\.list/.test(mediaType)

async function readImage(archive: Archive, from: Descriptor, names: ImageName[]): Promise<FoundImage> {
  const what = blobOf(from)
  const manifest = object(parseJson(await blob(archive, from), what), what)
  const config = descriptor(manifest['config'], `config in ${what}`)
  const layers = list(manifest['layers'], `layers in ${what}`).map((each) => {
    const { digest, size } = descriptor(each, `layers in ${what}`)
    return { file: blobOf({ digest }), packed: { digest, size } }
  })
  return foundImage(await blob(archive, config), blobOf(config), names, layers)
}

function manifests(index: unknown, what: string): Descriptor[] {
  const all = list(object(index, what)['manifests'], `manifests in ${what}`)
  return all.map((each) => descriptor(each, `manifests in ${what}`)).filter((each) => !isAttestation(each))
}

/** What BuildKit puts beside an image: how it was made. */
const isAttestation = ({ said }: Descriptor): boolean =>
  object(said['annotations'] ?? {}, 'annotations')['vnd.docker.reference.type'] !== undefined

function descriptor(value: unknown, what: string): Descriptor {
  const said = object(value, what)
  const { digest, size, mediaType } = said
  if (!isDigest(digest)) throw refuse('BadDigest', `${what}: ${shown(String(digest))} is no sha256 digest`)
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw refuse('BadJson', `${what}: the size of ${digest} is no number of bytes`)
  return { digest, size, mediaType: text(mediaType ?? '', `mediaType in ${what}`), said }
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
