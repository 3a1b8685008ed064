import { gzipSync } from 'node:zlib'
import { digestOf, hexOf } from '../digest.ts'
import { machine } from '../found.ts'
import { type Member, tar } from './tar.ts'

const configOf = (layers: readonly Buffer[], more: object = {}): Buffer =>
  Buffer.from(
    JSON.stringify({
      os: 'linux',
      architecture: machine,
      rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
      ...more,
    }),
  )

/** As `docker save` wrote it before version 25. */
export function dockerArchive(
  layers: readonly Buffer[],
  tags: string[] | null = ['test:1'],
  more: object = {},
): Buffer {
  return tar(dockerMembers(layers, tags, more))
}

export function dockerMembers(layers: readonly Buffer[], tags: string[] | null, more: object = {}): Member[] {
  const config = configOf(layers, more)
  const names = layers.map((_, index) => `${index}/layer.tar`)
  const manifest = [{ Config: `${hexOf(digestOf(config))}.json`, RepoTags: tags, Layers: names }]
  return [
    { path: `${hexOf(digestOf(config))}.json`, body: config },
    ...layers.map((body, index) => ({ path: names[index] ?? '', body })),
    { path: 'manifest.json', body: JSON.stringify(manifest) },
  ]
}

interface OciOptions {
  annotations?: Record<string, string>
  /** Names an image of another platform, too: beside this one, or both in an index between. */
  platforms?: 'beside' | 'between'
  /** Other bytes for a blob, by what it is. */
  spoil?: 'config' | 'manifest' | 'layer'
}

/** An OCI image layout with its layers packed by gzip. */
export function ociArchive(layers: readonly Buffer[], { annotations = {}, platforms, spoil }: OciOptions = {}): Buffer {
  const members: Member[] = [{ path: 'oci-layout', body: '{"imageLayoutVersion":"1.0.0"}' }]
  const blob = (bytes: Buffer, mediaType: string, spoiled: boolean): object => {
    const digest = digestOf(bytes)
    const body = Buffer.from(bytes)
    // Of gzip, this byte names a system: nobody but the digest sees that it changed.
    if (spoiled) body[9] = 0x20
    members.push({ path: `blobs/sha256/${hexOf(digest)}`, body })
    return { mediaType, digest, size: bytes.length }
  }
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
  const kind = 'application/vnd.oci.image'
  const config = blob(configOf(layers), `${kind}.config.v1+json`, spoil === 'config')
  const packed = layers.map((each) => blob(gzipSync(each), `${kind}.layer.v1.tar+gzip`, spoil === 'layer'))
  let top = blob(json({ schemaVersion: 2, config, layers: packed }), `${kind}.manifest.v1+json`, spoil === 'manifest')
  const other = { ...top, digest: digestOf('other'), platform: { os: 'linux', architecture: 'riscv64' } }
  const ours = { ...top, platform: { os: 'linux', architecture: machine } }
  if (platforms === 'between') {
    top = blob(json({ schemaVersion: 2, manifests: [other, ours] }), `${kind}.index.v1+json`, false)
  }
  const manifests = platforms === 'beside' ? [other, { ...ours, annotations }] : [{ ...top, annotations }]
  members.push({ path: 'index.json', body: json({ schemaVersion: 2, manifests }) })
  return tar(members)
}
