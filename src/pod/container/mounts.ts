import { lstatSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Container, Pod, VolumeMount } from '../../api/objects/pod.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import { type HostImage, maskedWithin } from '../root/host-image.ts'
import type { LocalImage } from '../image/local.ts'
import { hostRoot, imageRoot, type MountPlan, parentsFirst, planMounts, type Target } from '../root/mountplan.ts'
import { expand } from './expand.ts'
import type { PodPaths } from '../paths.ts'
import type { Source } from '../root/source.ts'
import { payloadSources } from '../volumes/payload.ts'
import { tokenPath, tokenVolume, type VolumeSource } from '../volumes/volumes.ts'

interface Mount extends Target {
  /** undefined: what the image has there, in a mount of its own. */
  source: Source | undefined
}

/**
 * Everything that is mounted into a container, parents first: the examples or the image's own volumes, the pod's files, the token, the
 * container's volumes. Without an image the root is `machine`.
 */
export function mountsOf(
  pod: Pod,
  container: Container,
  volume: (name: string) => VolumeSource | undefined,
  paths: PodPaths,
  machine: HostImage,
  image: LocalImage | undefined,
  env: ReadonlyMap<string, string>,
): { plan: MountPlan; sources: (Source | undefined)[] } {
  const mounts = new Map<string, Mount>()
  const add = (path: string, source: Source): void => {
    mounts.set(normal(path), { path: normal(path), kind: source.kind, source })
  }
  if (image) for (const path of image.config.volumes) mounts.set(path, { path, kind: 'directory', source: undefined })
  else for (const { from, to } of machine.mounts) add(to, { from, kind: kindOf(from), readOnly: true, masks: [] })
  for (const name of ['hosts', 'hostname', 'resolv.conf'])
    add(`/etc/${name}`, { from: join(paths.etc, name), kind: 'file', readOnly: false, masks: [] })
  const message = paths.container(container.name).terminationLog
  add(terminationPath(container), { from: message, kind: 'file', readOnly: false, masks: [] })
  const token = volume(tokenVolume)
  if (token) add(tokenPath, { ...token, masks: [] })
  for (const mount of container.volumeMounts ?? []) {
    const found = volume(mount.name)
    if (!found) throw refusal(container, `volumeMounts: the pod has no volume named ${JSON.stringify(mount.name)}`)
    const readOnly = found.readOnly || mount.readOnly === true
    add(
      mount.mountPath,
      sourceOf(pod, container, mount.name, { ...found, readOnly }, subPathOf(container, mount, env), machine),
    )
  }
  const ordered = parentsFirst([...mounts.values()])
  const sources = ordered.map(({ source }) => source)
  return {
    plan: planMounts(ordered, ...(image ? ([image.files, imageRoot] as const) : ([machine.files, hostRoot] as const))),
    sources,
  }
}

/** Of kubelet's expansion (k8s.io/kubernetes/pkg/kubelet/container): a variable that is not there is an error here. */
function subPathOf(
  container: Container,
  { subPath, subPathExpr, mountPath }: VolumeMount,
  env: ReadonlyMap<string, string>,
): string | undefined {
  if (!subPathExpr) return subPath
  const missing: string[] = []
  const path = expand(subPathExpr, (name) => env.get(name) ?? (missing.push(name), undefined))
  if (missing.length === 0 && !path.startsWith('/')) return path
  const why =
    missing.length > 0 ? `missing value for ${missing.join(', ')}` : `${JSON.stringify(path)} is no relative path`
  throw refusal(
    container,
    `failed to prepare subPathExpr ${JSON.stringify(subPathExpr)} of the mount at ${mountPath}: ${why}`,
  )
}

export function terminationPath(container: Container): string {
  return container.terminationMessagePath ?? '/dev/termination-log'
}

function sourceOf(
  pod: Pod,
  container: Container,
  name: string,
  volume: VolumeSource,
  subPath: string | undefined,
  machine: HostImage,
): Source {
  const spec = pod.spec.volumes?.find((one) => one.name === name)
  const parts = (subPath ?? '').split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..') || subPath?.includes('\0') === true)
    throw refusal(container, `volumeMounts: subPath ${JSON.stringify(subPath)} leaves its volume`)
  const { readOnly } = volume
  if (spec?.hostPath) {
    const from = realpathSync(volume.from)
    const whole = join(from, ...parts)
    const { inside, below } = maskedWithin(machine, whole)
    if (inside) throw refusal(container, `hostPath ${whole} holds the cluster's own state and cannot be mounted`)
    const device = parts.length === 0 && isDevice(from)
    return { from, kind: kindBelow(container, from, parts, volume.kind), readOnly, device, masks: below, ...sub(parts) }
  }
  // The agent wrote these files, behind a link that changes when they do; the container keeps the version of its start, as in kubelet.
  const from =
    parts.length > 0 && (!spec || payloadSources(spec)) ? realpathSync(join(volume.from, '..data')) : volume.from
  return { from, kind: kindBelow(container, from, parts, volume.kind), readOnly, masks: [], ...sub(parts) }
}

function sub(parts: string[]): { subPath?: string[] } {
  return parts.length > 0 ? { subPath: parts } : {}
}

/** What is not there yet becomes a directory. Only a guess where containers write: a wrong one makes the mount fail. */
function kindBelow(container: Container, from: string, parts: string[], own: Source['kind']): Source['kind'] {
  if (parts.length === 0) return own
  try {
    const stat = lstatSync(join(from, ...parts), { throwIfNoEntry: false })
    return stat && !stat.isDirectory() ? 'file' : 'directory'
  } catch (error) {
    throw refusal(container, `failed to prepare subPath ${JSON.stringify(parts.join('/'))}: ${messageOf(error)}`)
  }
}

function isDevice(path: string): boolean {
  const stat = lstatSync(path)
  return stat.isCharacterDevice() || stat.isBlockDevice()
}

function kindOf(path: string): Source['kind'] {
  return lstatSync(path).isDirectory() ? 'directory' : 'file'
}

/** One spelling for one place, so that a volume can take the place of a file that every pod gets. */
function normal(path: string): string {
  return `/${path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/')}`
}

function refusal(container: Container, say: string): KubehopError {
  return new KubehopError('pod', `container ${container.name}`, 'CreateContainerConfigError', say)
}
