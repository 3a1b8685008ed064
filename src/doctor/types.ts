import type { Case } from '../trace/case.ts'
import type { Cluster } from '../trace/cluster.ts'
import type { Ranges } from '../trace/predict.ts'
import type { Finding } from './finding.ts'
import type { MachineFacts } from './facts.ts'

export type { Finding, ObjectReference, Patch } from './finding.ts'

/** A mistake that is recognised: each is a file in findings/, in the order of the list of mistakes (docs/doctor.md). */
export interface Check {
  /** Its number in docs/doctor.md, 1 to 25. */
  readonly number: number
  /** One line: symptom and cause, as `doctor --list` shows it. */
  readonly title: string
  /** Codes of the findings that it can make. */
  readonly codes: readonly string[]
  /** What it cannot do without: objects alone, the kernels of the nodes, or a request that was sent. */
  readonly needs: 'objects' | 'machines' | 'request'
  /** Pure: the same view gives the same findings. Nothing without evidence. */
  find(view: View): Finding[]
}

/** Everything that is known when the doctor is asked. */
export interface View {
  readonly cluster: Cluster
  /** Unknown where nobody told: then what needs them is not said. */
  readonly ranges?: Ranges
  /** What the kernels of the nodes said; empty where no agent could be asked. */
  readonly machines: readonly MachineFacts[]
  /** A request that was traced: `doctor --for`, or the `why` of a trace. */
  readonly request?: Case
  /** Only what concerns this namespace is wanted. */
  readonly namespace?: string
  /** Milliseconds since 1970. */
  readonly now: number
}
