import { type Digest, isDigest } from './digest.ts'
import { machine } from './found.ts'
import { list, object, parseJson, text, type Unknown } from './json.ts'
import { refuse, shown } from './refuse.ts'

/** What names a blob (OCI image specification, descriptor.md). */
export interface Descriptor {
  digest: Digest
  size: number
  /** Empty when it is not said. */
  mediaType: string
  said: Unknown
}

export interface Manifest {
  config: Descriptor
  /** The lowest first. */
  layers: Descriptor[]
}

/** An index is a choice of manifests, one for each platform. `what` names the file in errors. */
export function parseManifest(bytes: Buffer, what: string): Manifest | { manifests: Descriptor[] } {
  const said = object(parseJson(bytes, what), what)
  if (said['schemaVersion'] === 1)
    throw refuse(
      'OldFormat',
      `${what} is in Docker's first format, which nobody has made since 2017: push the image again`,
    )
  if (said['manifests'] === undefined)
    return {
      config: descriptor(said['config'], `config in ${what}`),
      layers: list(said['layers'], `layers in ${what}`).map((each) => descriptor(each, `layers in ${what}`)),
    }
  // Two readers could take it for two images (CVE-2021-41190).
  if (said['layers'] !== undefined || said['config'] !== undefined)
    throw refuse('BadJson', `${what} is an index and a manifest in one: no honest program writes that`)
  return { manifests: manifestsIn(said, what) }
}

export function manifestsIn(index: Unknown, what: string): Descriptor[] {
  const all = list(index['manifests'], `manifests in ${what}`)
  return all.map((each) => descriptor(each, `manifests in ${what}`)).filter((each) => !isAttestation(each))
}

/** Of an index, the manifest for this machine: where there are several variants, the one that asks for no newer processor. */
export function chooseManifest(manifests: readonly Descriptor[], what: string): Descriptor {
  const fit = manifests.filter((each) => !isIndex(each) && isOurs(each))
  const [first] = fit
  if (!first) throw notOurs(what)
  return fit.find(({ said }) => object(said['platform'], 'a platform')['variant'] === undefined) ?? first
}

export const notOurs = (what: string): Error =>
  refuse('WrongPlatform', `${what} has no image for linux/${machine}: take the image for this platform`)

export function isOurs({ said }: Descriptor): boolean {
  const { os, architecture } = object(said['platform'] ?? {}, 'a platform')
  return os === 'linux' && architecture === machine
}

export const isIndex = ({ mediaType }: Descriptor): boolean => /image\.index|manifest\.list/.test(mediaType)

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

const configs = new Set([
  '',
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
])
const layer =
  /^(application\/vnd\.oci\.image\.layer(\.nondistributable)?\.v1\.tar(\+gzip|\+zstd)?|application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?|)$/

/** Registries keep charts, signatures and more in the same form. @throws KubehopError `NotAnImage` */
export function checkKind({ config, layers }: Manifest, what: string): void {
  if (!configs.has(config.mediaType))
    throw refuse('NotAnImage', `${what} is no image of a container, but ${shown(config.mediaType)}`)
  const other = layers.find(({ mediaType }) => !layer.test(mediaType))
  if (other)
    throw refuse('NotAnImage', `${what} has a layer of the kind ${shown(other.mediaType)}, which cannot be unpacked`)
}
