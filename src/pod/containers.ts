import type { Container, Pod } from '../api/objects/pod.ts'
import { ContainerLife } from './container/life.ts'
import { endContainers } from './ending.ts'
import type { Home } from './home.ts'
import type { ContainerRecord } from './record.ts'
import type { ContainerFacts } from './status.ts'

/** All containers of one pod: init containers, regular and ephemeral ones, each over all its instances. */
export class PodContainers {
  readonly #home: Home
  readonly #lives: Map<string, ContainerLife>

  constructor(home: Home) {
    this.#home = home
    this.#lives = new Map(specsOf(home.pod).map((spec) => [spec.name, new ContainerLife(home, spec)]))
  }

  get byName(): ReadonlyMap<string, ContainerLife> {
    return this.#lives
  }

  all(): ContainerLife[] {
    return [...this.#lives.values()]
  }

  running(): ContainerLife[] {
    return this.all().filter((one) => one.running)
  }

  get facts(): Map<string, ContainerFacts> {
    return new Map(this.all().map((life) => [life.spec.name, life.facts]))
  }

  get record(): Record<string, ContainerRecord> {
    return Object.fromEntries(this.all().map((life) => [life.spec.name, life.record]))
  }

  /** The pod changed: what the kept ones shall be now, and those that are new. */
  update(pod: Pod): void {
    for (const spec of specsOf(pod)) {
      const life = this.#lives.get(spec.name)
      if (life) life.spec = spec
      else this.#lives.set(spec.name, new ContainerLife(this.#home, spec))
    }
  }

  /** Goes on with what another agent left. */
  adopt(records: Readonly<Record<string, ContainerRecord>>, address: string): void {
    for (const [name, one] of Object.entries(records)) this.#lives.get(name)?.adopt(one, address)
  }

  /** For a new sandbox everything starts anew, without a delay; init containers too. */
  renew(): void {
    const { initContainers = [] } = this.#home.pod.spec
    for (const life of this.all()) life.renew(initContainers.includes(life.spec))
  }

  /** See {@link endContainers}. */
  end(graceMs: number): Promise<void> {
    return endContainers(this.#home.pod, this.#lives, graceMs)
  }

  /** Lets go; they go on. */
  detach(): void {
    for (const life of this.all()) life.detach()
  }
}

function specsOf({ spec }: Pod): Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])]
}
