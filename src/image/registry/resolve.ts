import { type Digest, digestOf, isDigest } from '../digest.ts'
import { maxJson } from '../limits.ts'
import { checkKind, chooseManifest, type Descriptor, type Manifest, parseManifest } from '../manifest.ts'
import type { Place } from '../reference.ts'
import { shown } from '../refuse.ts'
import { failure } from './failures.ts'
import type { Registry } from './registry.ts'

export interface Resolved {
  /** Of what the name led to: a manifest, or an index of several. */
  digest: Digest
  manifest: Manifest
  config: Buffer
}

/** What the OCI distribution specification wants a registry to take at least. */
const maxManifest = 4 * 2 ** 20

const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ')

/** The manifest for this machine, and the configuration that it names. All is what its digest says; only a tag is the registry's word. */
export async function resolveImage(registry: Registry, { repository, reference }: Place): Promise<Resolved> {
  const what = `${repository}${isDigest(reference) ? '@' : ':'}${reference}`
  const { body, reply } = await registry.read(`manifests/${reference}`, maxManifest, `manifest ${what}`, { accept })
  const digest = digestOf(body)
  const said = reply.message.headers['docker-content-digest']
  if (isDigest(reference) && digest !== reference) throw wrong(registry, reference, digest)
  // Where it says another kind of digest, ours is as good.
  if (typeof said === 'string' && isDigest(said) && said !== digest) throw wrong(registry, said, digest)
  const top = parseManifest(body, `the manifest of ${what}`)
  const manifest = 'manifests' in top ? await manifestOf(registry, chooseManifest(top.manifests, what), what) : top
  checkKind(manifest, what)
  const { config } = manifest
  if (config.size > maxJson)
    throw failure('TooLarge', `the configuration of ${what} has ${config.size} bytes; at most ${maxJson} are read`)
  return { digest, manifest, config: await exactly(registry, config, 'blobs', `configuration of ${what}`) }
}

async function manifestOf(registry: Registry, chosen: Descriptor, what: string): Promise<Manifest> {
  const manifest = parseManifest(
    await exactly(registry, chosen, 'manifests', `manifest of ${what}`),
    `the manifest of ${what}`,
  )
  if (!('manifests' in manifest)) return manifest
  throw failure('BadAnswer', `${what} leads from one index to another: it has no manifest for this machine`)
}

async function exactly(
  registry: Registry,
  { digest, size }: Descriptor,
  path: 'blobs' | 'manifests',
  what: string,
): Promise<Buffer> {
  const headers = path === 'manifests' ? { accept } : {}
  const { body } = await registry.read(`${path}/${digest}`, Math.min(size, maxJson), what, headers)
  if (digestOf(body) !== digest) throw wrong(registry, digest, digestOf(body))
  return body
}

const wrong = (registry: Registry, wanted: string, is: string): Error =>
  failure('BadDigest', `${registry.host} sends ${shown(is)} in the place of ${shown(wanted)}: nothing of it is kept`)
