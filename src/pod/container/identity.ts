import { readFileSync, readlinkSync } from 'node:fs'
import type { Container, Pod } from '../../api/objects/pod.ts'
import { KubehopError } from '../../base/errors.ts'
import { type Accounts, accountOf, isByName } from './accounts.ts'

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
  /** This process is in a user namespace of its own, not in the machine's first. */
  owned: boolean
  /** False where setgroups(2) was given up so that an ordinary user could map a group (user_namespaces(7)). */
  groups: boolean
}

/** @see identityOf */
export interface FullIdentity extends Identity {
  /** As the image's /etc/passwd has it. */
  home?: string
}

/**
 * securityContext's runAsUser, runAsGroup, supplementalGroups, fsGroup and runAsNonRoot, the container's before the pod's, and what an image says of
 * users. Throws CreateContainerConfigError for an id that this process cannot take on.
 */
export function identityOf(pod: Pod, container: Container, ids: IdMap, accounts?: Accounts): FullIdentity {
  const ofPod = pod.spec.securityContext ?? {}
  const both = { ...ofPod, ...container.securityContext }
  const [runAsUser, runAsGroup] = [id(both['runAsUser'], 'runAsUser'), id(both['runAsGroup'], 'runAsGroup')]
  if (both['runAsNonRoot'] === true) refuseRoot(pod, container, runAsUser, accounts)
  const account = accounts && accountOf(accounts, runAsUser, runAsGroup)
  const { uid, gid } = account ?? { uid: runAsUser ?? 0, gid: runAsGroup ?? 0 }
  const supplemental = Array.isArray(ofPod['supplementalGroups']) ? (ofPod['supplementalGroups'] as unknown[]) : []
  const own = ofPod['supplementalGroupsPolicy'] === 'Strict' ? [] : (account?.groups ?? [])
  const asked = [...supplemental, ofPod['fsGroup']].flatMap((one) => id(one, 'supplementalGroups') ?? [])
  const byImage = accounts && runAsUser === undefined
  if (!ids.user(uid)) throw refusal(unmapped(byImage ? "the image's USER" : 'securityContext.runAsUser', uid))
  if (!ids.group(gid))
    throw refusal(unmapped(runAsGroup === undefined ? "the image's group" : 'securityContext.runAsGroup', gid))
  const strange = asked.find((group) => !ids.group(group))
  if (strange !== undefined) throw refusal(unmapped('securityContext.supplementalGroups or fsGroup', strange))
  // The user's own group, too: a program that gives it up must not gain what is denied to that group (CVE-2023-25173).
  const groups = [...new Set([gid, ...own, ...asked])].filter((group) => ids.group(group))
  return { uid, gid, groups: ids.groups ? groups : [], ...(account && { home: account.home }) }
}

/** kubelet's rule and words (k8s.io/kubernetes/pkg/kubelet/kuberuntime/security_context.go). */
function refuseRoot(
  pod: Pod,
  { name }: Container,
  runAsUser: number | undefined,
  accounts: Accounts | undefined,
): void {
  const { metadata } = pod
  const where = `(pod: "${metadata.name}_${metadata.namespace ?? 'default'}(${metadata.uid ?? ''})", container: ${name})`
  if (runAsUser === 0) throw refusal(`container's runAsUser breaks non-root policy ${where}`)
  if (runAsUser !== undefined) return
  if (accounts && isByName(accounts)) {
    const say = `container has runAsNonRoot and image has non-numeric user (${accounts.user.split(':')[0]}), cannot verify user is non-root`
    throw refusal(`${say} ${where}`)
  }
  if (!accounts || Number(accounts.user.split(':')[0]) === 0)
    throw refusal(`container has runAsNonRoot and image will run as root ${where}: set runAsUser to another user`)
}

export function readIdMap(): IdMap {
  const users = ranges('/proc/self/uid_map')
  const groups = ranges('/proc/self/gid_map')
  const within = (list: [number, number][], one: number): boolean =>
    list.some(([first, count]) => one >= first && one < first + count)
  return {
    user: (one) => within(users, one),
    group: (one) => within(groups, one),
    owned: readlinkSync('/proc/self/ns/user') !== firstUserNamespace,
    groups: readFileSync('/proc/self/setgroups', 'latin1').trim() === 'allow',
  }
}

/** include/linux/proc_ns.h, PROC_USER_INIT_INO */
const firstUserNamespace = 'user:[4026531837]'

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

function unmapped(what: string, value: number): string {
  return (
    `${what} ${value} does not exist here: an ordinary user's cluster has only user and group 0. ` +
    `Start the cluster as root, or ${what.startsWith('the image') ? 'set securityContext.runAsUser: 0' : 'leave the field out'}`
  )
}

function refusal(say: string): KubehopError {
  return new KubehopError('pod', 'identity', 'CreateContainerConfigError', say)
}
