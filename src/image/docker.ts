import type { Archive } from './archive.ts'
import { digestOf } from './digest.ts'
import { foundImage, type FoundImage } from './found.ts'
import { list, object, parseJson, text } from './json.ts'
import { partsOf } from './paths.ts'
import { type ImageName, imageName } from './reference.ts'
import { refuse, shown } from './refuse.ts'

/** What `docker save`, `podman save` and Bazel write: manifest.json, with the names, configuration and layers of each image. */
export async function dockerImages(archive: Archive): Promise<FoundImage[]> {
  const entries = list(parseJson(await archive.read('manifest.json'), 'manifest.json'), 'manifest.json')
  const images: FoundImage[] = []
  for (const [index, each] of entries.entries()) {
    const what = `manifest.json[${index}]`
    const { Config, RepoTags, Layers } = object(each, what)
    const file = fileName(Config, `${what}.Config`)
    const config = await archive.read(file)
    // The file is called after its digest: HEX.json, or blobs/sha256/HEX.
    const said = /(?:^|\/)([0-9a-f]{64})(?:\.json)?$/.exec(file)?.[1]
    if (said !== undefined && digestOf(config) !== `sha256:${said}`)
      throw refuse(
        'BadDigest',
        `${shown(file)} is not what its name says, but ${digestOf(config)}: the archive is damaged`,
      )
    const layers = list(Layers, `${what}.Layers`).map((layer) => ({ file: fileName(layer, `${what}.Layers`) }))
    images.push(foundImage(config, file, namesOf(RepoTags, what), layers))
  }
  return images
}

const fileName = (value: unknown, what: string): string => partsOf(text(value, what)).join('/')

function namesOf(tags: unknown, what: string): ImageName[] {
  return list(tags ?? [], `${what}.RepoTags`).map((tag) => {
    const name = imageName(text(tag, `${what}.RepoTags`))
    if (name === undefined) throw refuse('BadName', `${shown(String(tag))} in ${what}.RepoTags is no name of an image`)
    return name
  })
}
