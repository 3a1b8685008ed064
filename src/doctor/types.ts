import type { KubeObject } from '../api/objects/meta.ts'
import type { NetworkPolicy } from '../api/objects/networkpolicy.ts'
import type { Event, Namespace } from '../api/objects/simple.ts'
import type { Case } from '../trace/case.ts'
import type { Cluster } from '../trace/cluster/cluster.ts'
import type { Ranges } from '../trace/predict/ranges.ts'
import type { Finding } from './finding.ts'
import type { MachineFacts } from './facts.ts'

export type { Finding, ObjectReference, Patch } from './finding.ts'

/** A mistake that is recognised: each is a file in findings/, in the order of the list of mistakes (docs/doctor.md). */
export interface Check {
  /** Its number in docs/doctor.md: 1 to 25 are the mistakes of the list, from 26 on what else ends requests. */
  readonly number: number
  /** One line: symptom and cause, as `doctor --list` shows it. */
  readonly title: string
  /** Codes of the findings that it can make. */
  readonly codes: readonly string[]
  /** What it cannot do without: objects alone, the kernels of the nodes, or a request that was sent. */
  readonly needs: 'objects' | 'machines' | 'request'
  /** What it looks at as well where that is known, and finds more. */
  readonly uses?: 'machines' | 'request'
  /** Why it can find nothing in this version, whatever is known. */
  readonly notYet?: string
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
  /** Newest or not, what happened to objects; empty or missing where nobody could be asked, as with the rest. */
  readonly events?: readonly Event[]
  readonly policies?: readonly NetworkPolicy[]
  readonly namespaces?: readonly Namespace[]
  /** What makes pods besides deployments and replica sets. */
  readonly workloads?: readonly Workload[]
  /** Whether somebody enforces network policies; missing: nobody knows. */
  readonly enforced?: boolean
  /** Whether somebody gives load balancers their addresses; missing: nobody knows. */
  readonly balanced?: boolean
  /** Only what concerns this namespace is wanted. */
  readonly namespace?: string
  /** Milliseconds since 1970. */
  readonly now: number
}

/** A StatefulSet, DaemonSet or CronJob, as far as it says which pods there shall be. A CronJob's come and go. */
export interface Workload extends KubeObject {
  readonly spec: {
    readonly replicas?: number
    readonly template: { readonly metadata?: { labels?: Record<string, string> } }
  }
  readonly status?: { readonly desiredNumberScheduled?: number }
}
