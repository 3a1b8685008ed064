import { readFileSync } from 'node:fs'
import type { Container, Pod } from '../../api/objects/pod.ts'
import { KubehopError } from '../../base/errors.ts'

/** The user that a container's processes run as. */
export interface Identity {
  uid: number
  gid: number
  groups: number[]
}

/** Which ids exist in the user namespace of this process. */
export interface IdMap {
  user(id: number): boolean
  group(id: number): boolean
  /** False where setgroups(2) was given up so that an ordinary user could map a group (user_namespaces(7)). */
  groups: boolean
}

/**
 * securityContext's runAsUser, runAsGroup, supplementalGroups, fsGroup and runAsNonRoot; the container's win over the pod's. Throws
 * CreateContainerConfigError for an id that this process cannot take on.
 */
export function identityOf(pod: Pod, container: Container, ids: IdMap): Identity {
  const ofPod = pod.spec.securityContext ?? {}
  const both = { ...ofPod, ...container.securityContext }
  const uid = id(both['runAsUser'], 'runAsUser') ?? 0
  const gid = id(both['runAsGroup'], 'runAsGroup') ?? 0
  const supplemental = Array.isArray(ofPod['supplementalGroups']) ? (ofPod['supplementalGroups'] as unknown[]) : []
  const groups = [...supplemental, ofPod['fsGroup']].flatMap((one) => id(one, 'supplementalGroups') ?? [])
  if (both['runAsNonRoot'] === true && uid === 0)
    throw refusal('runAsNonRoot is set and the container would run as root: set runAsUser to another user')
  if (!ids.user(uid)) throw refusal(unmapped('runAsUser', uid))
  if (!ids.group(gid)) throw refusal(unmapped('runAsGroup', gid))
  const strange = groups.find((group) => !ids.group(group))
  if (strange !== undefined) throw refusal(unmapped('supplementalGroups or fsGroup', strange))
  return { uid, gid, groups: ids.groups ? groups : [] }
}

export function readIdMap(): IdMap {
  const users = ranges('/proc/self/uid_map')
  const groups = ranges('/proc/self/gid_map')
  const within = (list: [number, number][], one: number): boolean =>
    list.some(([first, count]) => one >= first && one < first + count)
  return {
    user: (one) => within(users, one),
    group: (one) => within(groups, one),
    groups: readFileSync('/proc/self/setgroups', 'latin1').trim() === 'allow',
  }
}

/** Lines of `first-inside first-outside count`. */
function ranges(path: string): [number, number][] {
  const lines = readFileSync(path, 'latin1').trim().split('\n')
  return lines.map((line) => {
    const [first, , count] = line.trim().split(/\s+/)
    return [Number(first), Number(count)]
  })
}

function id(value: unknown, field: string): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 2 ** 31) return value
  throw refusal(`securityContext.${field}: ${JSON.stringify(value)} is no user or group id`)
}

function unmapped(field: string, value: number): string {
  return (
    `securityContext.${field} ${value} does not exist here: an ordinary user's cluster has only user and group 0. ` +
    'Start the cluster as root, or leave the field out'
  )
}

function refusal(say: string): KubehopError {
  return new KubehopError('pod', 'identity', 'CreateContainerConfigError', say)
}
