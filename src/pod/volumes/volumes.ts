import { chmodSync, chownSync, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Client } from '../../api/client/client.ts'
import type { Pod, Volume } from '../../api/objects/pod.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import { mountTmpfs, unmount } from '../../kernel/mount.ts'
import type { PodPaths } from '../paths.ts'
import { writeAtomically } from './atomic.ts'
import { prepareHostPath } from './hostpath.ts'
import type { Objects, WatchedKind } from './objects.ts'
import { payloadOf, type PayloadSource, payloadSources, type TokenSource } from './payload.ts'
import { quantity } from '../../base/quantity.ts'
import { volumeTypes } from './types.ts'

/** Where a volume's files lie on this machine. */
export interface VolumeSource {
  from: string
  kind: 'directory' | 'file'
  /** Whatever the mount says. */
  readOnly: boolean
}

export interface VolumesInput {
  client: Client
  objects: Objects
  pod: Pod
  paths: PodPaths
  /** A ConfigMap or Secret that a volume uses appeared or changed. */
  onChange: () => void
}

/** How a container finds its API token, whatever the pod's volumes are called. */
export const tokenVolume = 'kube-api-access'
export const tokenPath = '/var/run/secrets/kubernetes.io/serviceaccount'
const tokenSeconds = 3607
/** kubelet renews a token when a fifth of its life is left. */
const renewAfter = 0.8

/** The volumes of one pod. */
export class PodVolumes {
  readonly #input: VolumesInput
  readonly #sources = new Map<string, VolumeSource>()
  readonly #releases = new Map<string, () => void>()
  readonly #tokens = new Map<string, { token: string; renewAt: number }>()
  #closed = false
  #automount: boolean | undefined

  constructor(input: VolumesInput) {
    this.#input = input
  }

  get(name: string): VolumeSource | undefined {
    return this.#sources.get(name)
  }

  /** Makes all volumes, or brings them up to date. Throws FailedMount for the first that cannot be. */
  async prepare(): Promise<void> {
    this.#automount ??= await this.#wantsToken()
    for (const volume of this.#volumes()) {
      try {
        this.#sources.set(volume.name, await this.#prepare(volume))
      } catch (error) {
        const say = `MountVolume.SetUp failed for volume "${volume.name}" : ${reasonOf(error)}`
        throw new KubehopError('pod', `volume ${volume.name}`, 'FailedMount', say, { cause: error })
      }
    }
  }

  /** The next time that a token must be renewed, as Date.now() counts. */
  get renewAt(): number | undefined {
    const times = [...this.#tokens.values()].map(({ renewAt }) => renewAt)
    return times.length === 0 ? undefined : Math.min(...times)
  }

  /** Stops following; the files stay. */
  close(): void {
    this.#closed = true
    for (const release of this.#releases.values()) release()
    this.#releases.clear()
  }

  /** Removes what belongs to the pod alone. In the background: a container may have left a million files. */
  async remove(): Promise<void> {
    this.close()
    const { paths, pod } = this.#input
    for (const volume of pod.spec.volumes ?? []) if (volume.emptyDir) unmount(paths.volume(volume.name))
    await rm(paths.volumes, { recursive: true, force: true })
  }

  #volumes(): Volume[] {
    const own = this.#input.pod.spec.volumes ?? []
    return this.#automount === false ? own : [...own, automounted]
  }

  /** The pod's word counts before its account's. */
  async #wantsToken(): Promise<boolean> {
    const { client, pod } = this.#input
    const { automountServiceAccountToken, serviceAccountName = 'default' } = pod.spec
    if (automountServiceAccountToken !== undefined) return automountServiceAccountToken
    const account = await client.get('ServiceAccount', serviceAccountName, pod.metadata.namespace)
    return account?.automountServiceAccountToken !== false
  }

  async #prepare(volume: Volume): Promise<VolumeSource> {
    const { paths, pod } = this.#input
    const from = paths.volume(volume.name)
    const { hostPath, emptyDir } = volume
    if (hostPath) {
      const directory = prepareHostPath(hostPath.path, hostPath.type ?? '')
      return { from: hostPath.path, kind: directory ? 'directory' : 'file', readOnly: false }
    }
    if (emptyDir) {
      makeEmptyDir(from, emptyDir, pod)
      return { from, kind: 'directory', readOnly: false }
    }
    const made = payloadSources(volume)
    if (!made) throw new KubehopError('pod', 'volume', 'FailedMount', unknownType(volume))
    await this.#fill(from, volume.name, made)
    return { from, kind: 'directory', readOnly: true }
  }

  async #fill(
    from: string,
    name: string,
    { sources, defaultMode }: { sources: PayloadSource[]; defaultMode: number },
  ): Promise<void> {
    const { objects, pod } = this.#input
    const namespace = pod.metadata.namespace ?? 'default'
    for (const { configMap, secret } of sources) {
      if (configMap) await this.#hold('ConfigMap', namespace, configMap.name)
      if (secret) await this.#hold('Secret', namespace, secret.name)
    }
    const tokens = new Map<TokenSource, string>()
    for (const { serviceAccountToken: source } of sources)
      if (source) tokens.set(source, await this.#token(`${name}/${source.path}`, source))
    const payload = payloadOf(sources, {
      pod,
      defaultMode,
      configMap: (one) => objects.get('ConfigMap', namespace, one),
      secret: (one) => objects.get('Secret', namespace, one),
      token: (source) => tokens.get(source) ?? '',
    })
    withGroup(pod, (group) => writeAtomically(from, payload, group))
  }

  async #hold(kind: WatchedKind, namespace: string, name: string): Promise<void> {
    const key = `${kind}/${name}`
    if (this.#releases.has(key)) return
    const release = await this.#input.objects.hold(kind, namespace, name, this.#input.onChange)
    if (this.#closed) release()
    else this.#releases.set(key, release)
  }

  async #token(key: string, { audience, expirationSeconds }: TokenSource): Promise<string> {
    const known = this.#tokens.get(key)
    const now = Date.now()
    if (known && now < known.renewAt) return known.token
    const { client, pod } = this.#input
    const { name, namespace = 'default', uid = '' } = pod.metadata
    const account = pod.spec.serviceAccountName ?? 'default'
    const wish = { ...(audience && { audiences: [audience] }), ...(expirationSeconds && { expirationSeconds }) }
    const { token, expires } = await client.token(account, namespace, { name, uid }, wish)
    this.#tokens.set(key, { token, renewAt: now + (Date.parse(expires) - now) * renewAfter })
    return token
  }
}

/** What upstream's ServiceAccount admission adds to every pod. */
const automounted: Volume = {
  name: tokenVolume,
  projected: {
    sources: [
      { serviceAccountToken: { path: 'token', expirationSeconds: tokenSeconds } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
    ],
  },
}

function unknownType(volume: Volume): string {
  const types = Object.keys(volume).filter((key) => key !== 'name')
  return `volumes of type ${types.join(', ')} are not supported; there are ${volumeTypes.join(', ')}`
}

const everybody = 0o777
const setgid = 0o2000

function makeEmptyDir(path: string, { medium, sizeLimit }: NonNullable<Volume['emptyDir']>, pod: Pod): void {
  // What is there already is the containers'.
  const there = existsSync(path)
  mkdirSync(path, { recursive: true })
  const own = medium === 'Memory' || (sizeLimit !== undefined && limitsEmptyDirs(dirname(path)))
  // Unless the machine was started anew, and the memory is gone.
  if (there && (!own || statSync(path).dev !== statSync(dirname(path)).dev)) return
  if (own) {
    const size = sizeLimit === undefined ? '' : `,size=${quantity(sizeLimit)}`
    mountTmpfs(path, `mode=777${size}`)
  }
  withGroup(pod, (group) => {
    if (group !== undefined) chownSync(path, process.getuid?.() ?? 0, group)
  })
  chmodSync(path, everybody | (fsGroupOf(pod) === undefined ? 0 : setgid))
}

/** include/uapi/linux/magic.h */
const TMPFS_MAGIC = 0x0102_1994

/**
 * Whether an ordinary emptyDir below a folder can be kept to its sizeLimit: where the folder is memory, one of its own size is as good. On a disk it
 * would not be, and quotas need a file system that was made for them.
 */
export function limitsEmptyDirs(folder: string): boolean {
  return statfsSync(folder).type === TMPFS_MAGIC
}

function fsGroupOf({ spec }: Pod): number | undefined {
  const group = spec.securityContext?.['fsGroup']
  return typeof group === 'number' ? group : undefined
}

function withGroup(pod: Pod, body: (group: number | undefined) => void): void {
  const group = fsGroupOf(pod)
  try {
    body(group)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
    const say = `securityContext.fsGroup ${group} does not exist here: an ordinary user's cluster has only user and group 0. Start the cluster as root, or leave the field out`
    throw new KubehopError('pod', 'volume', 'FailedMount', say, { cause: error })
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof KubehopError)) return messageOf(error)
  return error.message.slice(`${error.room}: ${error.op}: `.length)
}
