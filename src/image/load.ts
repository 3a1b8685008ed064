import { type Archive, openArchive } from './archive.ts'
import { hashing } from './digest.ts'
import { dockerImages } from './docker.ts'
import type { FoundImage, FoundLayer } from './found.ts'
import { bringLayers, type LayerSource, type MadeLayers, type Making } from './layers.ts'
import { ociImages } from './oci.ts'
import { refuse } from './refuse.ts'

/** Brings the layers of all images of an archive into the store. The catalog is not yet told. */
export async function loadImages(file: string, at: Making): Promise<{ image: FoundImage; made: MadeLayers }[]> {
  const archive = await openArchive(file, at.workplace.folder, at.limits)
  const images: { image: FoundImage; made: MadeLayers }[] = []
  for (const image of await imagesIn(archive, file))
    images.push({ image, made: await bringLayers(image, sourceOf(archive, image), at) })
  return images
}

async function imagesIn(archive: Archive, file: string): Promise<FoundImage[]> {
  // Where both are there, they are of the same images, and this one has all names.
  const images = archive.has('manifest.json')
    ? await dockerImages(archive)
    : archive.has('index.json')
      ? await ociImages(archive)
      : []
  if (images.length > 0) return images
  const say = `${file} has no image in it: name an archive as \`docker save\`, \`podman save\` or \`skopeo copy ... oci-archive:\` makes it`
  throw refuse('NoImage', say)
}

const sourceOf = (archive: Archive, { layers }: FoundImage): LayerSource => ({
  atOnce: 1,
  async fetch(index) {
    const layer = layers[index]
    if (!layer) throw new RangeError(`no layer ${index}`)
    await check(archive, layer)
    return bytesOf(archive, layer)
  },
})

/** Opened only when it is read: what is above a refused layer never is. */
async function* bytesOf(archive: Archive, { file }: FoundLayer): AsyncGenerator<Buffer> {
  yield* archive.open(file)
}

/** Before any of it is unpacked. */
async function check(archive: Archive, { file, packed }: FoundLayer): Promise<void> {
  if (!packed) return
  const seen = hashing(archive.open(file))
  for await (const _ of seen.stream);
  if (seen.bytes() !== packed.size || seen.digest() !== packed.digest)
    throw refuse('BadDigest', `${file} is not what its digest says (${packed.digest}): the archive is damaged`)
}
