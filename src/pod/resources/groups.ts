import { existsSync } from 'node:fs'
import { release, totalmem } from 'node:os'
import { join } from 'node:path'
import type { Container, Pod } from '../../api/objects/pod.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { entering } from '../../kernel/cgroup/entering.ts'
import { type Group, groupsAt, makeGroup, openGroup, type Place, removePlace } from '../../kernel/cgroup/groups.ts'
import { type Controller, controllers } from '../../kernel/cgroup/hierarchy.ts'
import type { Limits } from '../../kernel/cgroup/settings.ts'
import type { Bounds } from '../container/program.ts'
import { limitsOf, oomScoreOf, podLimitsOf, usualPids } from './limits.ts'

/** Where a node's pods get their control groups; and why a controller is not to be had. */
export interface GroupsPlace {
  place: Place
  missing: Partial<Record<Controller, string>>
}

/** What holds an instance of a container: its pod's limits, its own, and what does beside control groups. */
export interface Holding {
  pod: Limits
  container: Limits
  bounds: Omit<Bounds, 'groups'>
}

/** Since Linux 6.14 kernel.pid_max is each PID namespace's own. Before, it was the machine's, and none of ours. */
const limitsPidNamespaces = ((): boolean => {
  const [major = 0, minor = 0] = release().split('.').map(Number)
  return major > 6 || (major === 6 && minor >= 14)
})()

/** The control groups of a node's pods: `UID` for each, and in it one for each container, by its name. */
export class PodGroups {
  readonly missing: GroupsPlace['missing']
  readonly #place: Place
  readonly #any: boolean
  readonly #pids: number
  readonly #log: Log
  /** A container will be started soon: what it would have to wait for in the kernel passes meanwhile. See {@link entering}. */
  readonly expect: () => Promise<void>

  /** `pids`: how many processes and threads a pod may have. */
  constructor(given: GroupsPlace | undefined, node: string, log: Log, pids: number = usualPids) {
    this.#pids = pids
    const none = Object.fromEntries(controllers.map((one) => [one, 'this node was given no control group']))
    this.missing = given?.missing ?? none
    this.#place = given ? within(given.place, node) : {}
    this.#any = Object.keys(this.#place).length > 0
    this.#log = log
    this.expect = entering(this.#place)
  }

  /** How many processes a PID namespace is told to have, where no control group counts them. */
  get namespacePids(): number | undefined {
    return this.missing.pids !== undefined && limitsPidNamespaces ? this.#pids : undefined
  }

  /** What holds an instance of a container. Throws CreateContainerConfigError for `resources` that are none. */
  holding(pod: Pod, container: Container): Holding {
    try {
      return {
        pod: podLimitsOf(pod.spec, this.#pids),
        container: limitsOf(container),
        bounds: {
          oomScore: oomScoreOf(pod, container, totalmem()),
          ...(this.namespacePids !== undefined && { pids: this.namespacePids }),
        },
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw new KubehopError('pod', `container ${container.name}`, 'CreateContainerConfigError', error.message)
    }
  }

  /** A fresh group for an instance of a container, with its limits. undefined where this machine gives none. */
  async make(uid: string, container: string, limits: Pick<Holding, 'pod' | 'container'>): Promise<Group | undefined> {
    if (!this.#any) return undefined
    makeGroup(this.#place, uid).group.limit(limits.pod)
    const path = join(uid, container)
    let { group, fresh } = makeGroup(this.#place, path)
    if (!fresh) {
      // What an instance before it left: its count of memory kills is not this one's.
      await group.remove()
      ;({ group } = makeGroup(this.#place, path))
    }
    group.limit(limits.container)
    return group
  }

  /** The group that an instance is in; undefined when it was started without one. */
  open(uid: string, container: string): Group | undefined {
    if (!this.#any) return undefined
    const group = openGroup(this.#place, join(uid, container))
    return group.entrances.every((file) => existsSync(file)) ? group : undefined
  }

  /** Ends what is left in a pod's groups, and removes them. Told in the log when it cannot be. */
  async remove(uid: string): Promise<void> {
    if (!this.#any) return
    try {
      await openGroup(this.#place, uid).remove()
    } catch (error) {
      this.#log.error({ pod: uid, error: messageOf(error) }, 'the control groups of a pod could not be removed')
    }
  }

  /** All groups of the node. */
  async removeAll(): Promise<void> {
    await removePlace(this.#place)
  }

  /** Of pods that an agent before this one began and wrote nothing of. */
  async sweep(known: ReadonlySet<string>): Promise<void> {
    for (const uid of groupsAt(this.#place)) if (!known.has(uid)) await this.remove(uid)
  }
}

function within(place: Place, node: string): Place {
  return Object.fromEntries(
    controllers.flatMap((one) => {
      const found = place[one]
      return found ? [[one, { ...found, dir: join(found.dir, node) }]] : []
    }),
  )
}
