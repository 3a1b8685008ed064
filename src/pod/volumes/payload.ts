import type { DownwardFile, Pod, Volume } from '../../api/objects/pod.ts'
import type { ConfigMap, Secret } from '../../api/objects/simple.ts'
import { KubehopError } from '../../base/errors.ts'
import { resourceValue } from './resources.ts'

/** A file that a volume shall hold. */
export interface PayloadFile {
  bytes: Buffer
  mode: number
  /** Whose it is, when not the agent's. */
  uid?: number
}
/** By relative path. */
export type Payload = Map<string, PayloadFile>

/** One source of a volume whose files the agent writes: ConfigMap, Secret, downward API, token. */
export interface PayloadSource {
  configMap?: Keys & { name: string }
  secret?: Keys & { name: string }
  downwardAPI?: { items?: DownwardFile[] }
  serviceAccountToken?: TokenSource
}
export interface TokenSource {
  audience?: string
  expirationSeconds?: number
  path: string
}
interface Keys {
  items?: { key: string; path: string; mode?: number }[]
  optional?: boolean
}

export interface PayloadInput {
  pod: Pod
  defaultMode: number
  configMap: (name: string) => ConfigMap | undefined
  secret: (name: string) => Secret | undefined
  /** The token for a source. */
  token: (source: TokenSource) => string
}

const usualMode = 0o644

/** The sources of a volume that is made of such files, or undefined for another kind of volume. */
export function payloadSources(volume: Volume): { sources: PayloadSource[]; defaultMode: number } | undefined {
  const { configMap, secret, downwardAPI, projected } = volume
  const mode = (of: { defaultMode?: number }): number => of.defaultMode ?? usualMode
  if (configMap) return { sources: [{ configMap }], defaultMode: mode(configMap) }
  if (secret) return { sources: [{ secret: { ...secret, name: secret.secretName ?? '' } }], defaultMode: mode(secret) }
  if (downwardAPI) return { sources: [{ downwardAPI }], defaultMode: mode(downwardAPI) }
  if (projected) return { sources: projected.sources ?? [], defaultMode: mode(projected) }
  return undefined
}

/** The files, in the sources' order; a later source wins. Throws FailedMount naming what lacks. */
export function payloadOf(sources: readonly PayloadSource[], input: PayloadInput): Payload {
  const payload: Payload = new Map()
  const put = (path: string, bytes: Buffer, mode: number | undefined): void => {
    payload.set(checkedPath(path), { bytes, mode: mode ?? input.defaultMode })
  }
  for (const source of sources) {
    const { configMap, secret, downwardAPI, serviceAccountToken } = source
    const strange = Object.keys(source).find((kind) => !known.includes(kind))
    if (strange !== undefined)
      throw lacks(`sources of type ${strange} are not supported; there are ${known.join(', ')}`)
    if (configMap) putKeys(`configmap "${configMap.name}"`, configMap, contentOf(input.configMap(configMap.name)), put)
    if (secret) putKeys(`secret "${secret.name}"`, secret, contentOf(input.secret(secret.name)), put)
    for (const item of downwardAPI?.items ?? []) put(item.path, Buffer.from(downward(item, input)), item.mode)
    if (serviceAccountToken)
      payload.set(checkedPath(serviceAccountToken.path), tokenFile(input.token(serviceAccountToken), input))
  }
  return payload
}

const known = ['configMap', 'secret', 'downwardAPI', 'serviceAccountToken']

/** Only for the one user that all containers run as, or the pod's group, where there is such (k8s.io/kubernetes/pkg/volume/projected). */
function tokenFile(token: string, { pod, defaultMode }: PayloadInput): PayloadFile {
  const bytes = Buffer.from(token)
  const { fsGroup, runAsUser } = pod.spec.securityContext ?? {}
  if (typeof fsGroup === 'number') return { bytes, mode: 0o600 }
  const { initContainers = [], containers } = pod.spec
  const users = new Set(
    [...initContainers, ...containers].map((one) => one.securityContext?.['runAsUser'] ?? runAsUser),
  )
  const [only] = users
  return users.size === 1 && typeof only === 'number' ? { bytes, mode: 0o600, uid: only } : { bytes, mode: defaultMode }
}

type Content = Map<string, Buffer>

function contentOf(object: ConfigMap | Secret | undefined): Content | undefined {
  if (!object) return undefined
  const content: Content = new Map()
  if (object.kind === 'Secret') {
    for (const [key, text] of Object.entries(object.data ?? {})) content.set(key, Buffer.from(text, 'base64'))
    return content
  }
  const { data = {}, binaryData = {} } = object
  for (const [key, text] of Object.entries(data)) content.set(key, Buffer.from(text))
  for (const [key, text] of Object.entries(binaryData)) content.set(key, Buffer.from(text, 'base64'))
  return content
}

function putKeys(
  what: string,
  { items, optional }: Keys,
  content: Content | undefined,
  put: (path: string, bytes: Buffer, mode: number | undefined) => void,
): void {
  if (!content) {
    if (optional === true) return
    throw lacks(`${what} not found`)
  }
  if (!items) {
    for (const [key, bytes] of content) put(key, bytes, undefined)
    return
  }
  for (const { key, path, mode } of items) {
    const bytes = content.get(key)
    if (bytes) put(path, bytes, mode)
    else if (optional !== true) throw lacks(`${what} references non-existent config key: ${key}`)
  }
}

/** The downward API's fields for files: also all labels or annotations, as `key="value"` lines (k8s.io/kubernetes/pkg/fieldpath). */
function downward(item: DownwardFile, { pod }: PayloadInput): string {
  const { metadata } = pod
  if (item.resourceFieldRef) {
    const value = resourceValue(pod, undefined, item.resourceFieldRef)
    if (value !== undefined) return value
    throw lacks(`the downward API has no ${JSON.stringify(item.resourceFieldRef)}`)
  }
  const path = item.fieldRef?.fieldPath ?? ''
  const one = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path)
  if (one) return metadata[one[1] as 'labels' | 'annotations']?.[one[2] ?? ''] ?? ''
  if (path === 'metadata.name') return metadata.name
  if (path === 'metadata.namespace') return metadata.namespace ?? 'default'
  if (path === 'metadata.uid') return metadata.uid ?? ''
  if (path === 'metadata.labels' || path === 'metadata.annotations') {
    const map = metadata[path.slice('metadata.'.length) as 'labels' | 'annotations'] ?? {}
    return Object.entries(map)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join('\n')
  }
  throw lacks(`the downward API has no file for ${JSON.stringify(path)}`)
}

/** A path of a manifest may not leave the volume, nor use the names that the volume's own links have. */
function checkedPath(path: string): string {
  const parts = path.split('/')
  const wrong = parts.some((part) => part === '' || part === '.' || part === '..' || part.length > 255)
  if (wrong || path.includes('\0') || path.startsWith('..') || path.length > 4000)
    throw lacks(`${JSON.stringify(path)} is no path inside a volume`)
  return path
}

function lacks(say: string): KubehopError {
  return new KubehopError('pod', 'volume', 'FailedMount', say)
}
