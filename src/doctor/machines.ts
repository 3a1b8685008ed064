import type { MachineFacts, PodFacts } from './facts.ts'
import type { View } from './types.ts'

/** Facts by what they are looked up by. */
export interface Machines {
  readonly byNode: ReadonlyMap<string, MachineFacts>
  /** What a pod's machine says of it, by `namespace/name`. */
  readonly pods: ReadonlyMap<string, { readonly machine: MachineFacts; readonly pod: PodFacts }>
}

const made = new WeakMap<View['machines'], Machines>()

export function machinesOf({ machines }: Pick<View, 'machines'>): Machines {
  const known = made.get(machines)
  if (known) return known
  const index: Machines = {
    byNode: new Map(machines.map((machine) => [machine.node, machine])),
    pods: new Map(machines.flatMap((machine) => machine.pods.map((pod) => [pod.pod, { machine, pod }] as const))),
  }
  made.set(machines, index)
  return index
}
