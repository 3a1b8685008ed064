import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Pod } from '../api/objects/pod.ts'
import { KubehopError } from '../base/errors.ts'

/** Where everything of one pod lies below the agent's state directory. */
export interface PodPaths {
  dir: string
  record: string
  /** hosts, hostname and resolv.conf, shared by the pod's containers. */
  etc: string
  volumes: string
  volume(name: string): string
  container(name: string): ContainerPaths
  /** `<dir>/<container>/<attempt>.log`, laid out as kubelet's /var/log/pods. */
  logs: string
}

export interface ContainerPaths {
  dir: string
  /** Where a container puts its root together, in its own mount namespace; empty for everybody else. */
  root: string
  stdout: string
  stderr: string
  terminationLog: string
  /** Where the shim writes how the container ended. */
  status(attempt: number): string
}

export interface PodId {
  namespace: string
  name: string
  uid: string
}

/** The file that is shared while a container of this node starts. */
export function startingIn(stateDir: string): string {
  return join(stateDir, 'starting')
}

export function podPaths(stateDir: string, id: PodId): PodPaths {
  const dir = join(stateDir, 'pods', part(id.uid))
  return {
    dir,
    record: join(dir, 'record'),
    etc: join(dir, 'etc'),
    volumes: join(dir, 'volumes'),
    volume: (name) => join(dir, 'volumes', part(name)),
    container(name) {
      const own = join(dir, 'containers', part(name))
      return {
        dir: own,
        root: join(own, 'root'),
        stdout: join(own, 'stdout'),
        stderr: join(own, 'stderr'),
        terminationLog: join(own, 'termination-log'),
        status: (attempt) => join(own, `status.${attempt}`),
      }
    },
    logs: join(stateDir, 'logs', logFolder(id)),
  }
}

/** As kubelet calls it, unless the pod's name is too long for that. */
function logFolder({ namespace, name, uid }: PodId): string {
  const whole = [namespace, name, uid].map(part).join('_')
  return whole.length <= longestName ? whole : part(uid)
}

/** Whose logs lie in a folder of this name. */
export function uidOfLogs(folder: string): string {
  return folder.slice(folder.lastIndexOf('_') + 1)
}

/** What a folder holds; nothing where there is none. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Of a file, in bytes (NAME_MAX). */
const longestName = 255

export function idOf(pod: Pod): PodId {
  return { namespace: pod.metadata.namespace ?? 'default', name: pod.metadata.name, uid: pod.metadata.uid ?? '' }
}

/** Names come from the API, which admits only DNS names; a path is no place to trust that. */
function part(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/.test(name))
    throw new KubehopError('pod', 'paths', 'Invalid', `${JSON.stringify(name)} cannot be the name of a folder`)
  return name
}
