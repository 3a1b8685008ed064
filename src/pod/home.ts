import type { Container, Pod } from '../api/objects/pod.ts'
import type { NodeContext } from './context.ts'
import type { PodId, PodPaths } from './paths.ts'
import type { PodVolumes } from './volumes/volumes.ts'

/** What the parts of a pod need of it. */
export interface Home {
  readonly context: NodeContext
  readonly id: PodId
  /** As the API has it now. */
  readonly pod: Pod
  readonly paths: PodPaths
  readonly volumes: PodVolumes
  /** What it asks for and does not get, as paths in its spec. */
  readonly leftOut: readonly string[]
  /** Something about the pod changed: write it down, tell it, and see what is to be done. */
  changed(): void
  /** An event on the pod, or on one of its containers. */
  event(container: Container | undefined, type: 'Normal' | 'Warning', reason: string, message: string): void
}
