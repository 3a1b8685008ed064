import type { Netns } from '../../kernel/netns.ts'
import type { Place } from '../observation.ts'
import type { TraceEnvironment } from './environment.ts'

/** A place and its network namespace; the thread's own when left out. */
export interface Watched {
  readonly place: Place
  readonly ns: Netns | undefined
}

/** The machine itself, then those of these pods that run on it. */
export function placesOf(pods: readonly string[], environment: TraceEnvironment): [Watched, ...Watched[]] {
  const { kind, node, ns } = environment
  const running = pods.flatMap((name): Watched[] => {
    const pod = environment.podNetns(name)
    return pod ? [{ place: { kind: 'pod', node, name }, ns: pod }] : []
  })
  return [{ place: { kind, node, name: node }, ns }, ...running]
}
