import { ApiError, type Client } from '../api/client/client.ts'
import type { Endpoints } from './endpoints.ts'
import type { PodId } from './paths.ts'

/** The time in which services let go of a pod, so that nobody's request meets a container that ends. */
export class Leaving {
  readonly #endpoints: Endpoints
  readonly #id: PodId
  readonly #told: () => void
  #stage: 'before' | 'waiting' | 'over' = 'before'

  /** `told`: called when they have let go. */
  constructor(endpoints: Endpoints, id: PodId, told: () => void) {
    this.#endpoints = endpoints
    this.#id = id
    this.#told = told
  }

  /** Whether they have; begins to wait for it. Without a grace nobody waits. */
  over(graceMs: number): boolean {
    if (this.#stage === 'over' || graceMs === 0) return true
    if (this.#stage === 'before')
      void this.#endpoints.left(this.#id, graceMs).then(() => {
        this.#stage = 'over'
        this.#told()
      })
    this.#stage = 'waiting'
    return false
  }
}

/** The API's own word: the pod is gone. */
export async function deleteObject(client: Client, { name, namespace, uid }: PodId): Promise<void> {
  try {
    await client.delete('Pod', name, namespace, { gracePeriodSeconds: 0, uid })
  } catch (error) {
    // Gone already, or another pod has the name now: just what was wanted.
    if (!(error instanceof ApiError) || (error.code !== 404 && error.code !== 409)) throw error
  }
}
