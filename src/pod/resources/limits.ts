import type { Container, Pod, PodSpec } from '../../api/objects/pod.ts'
import type { Limits } from '../../kernel/cgroup/settings.ts'
import { millis, quantity } from '../../base/quantity.ts'

type Amounts = Partial<Record<string, string | number>>

/**
 * So many processes and threads a pod may have, unless the node says otherwise: enough for servers with a thread for each client, and a program that forks without end stops
 * there. (kubelet's podPidsLimit is off by default; OpenShift has the same number.)
 */
export const usualPids = 4096

/** A container's `resources` as the kernel takes them. Throws a TypeError that names the field for what is no amount. */
export function limitsOf({ resources }: Asking): Limits {
  const limits = (resources?.['limits'] ?? {}) as Amounts
  // Who names only a limit asks for as much.
  const requests = { ...limits, ...((resources?.['requests'] ?? {}) as Amounts) }
  const cpuMost = amount('limits.cpu', limits['cpu'], millis)
  const memory = amount('limits.memory', limits['memory'], quantity)
  // A limit of 0 is none (kuberuntime_container_linux.go).
  return {
    ...(cpuMost > 0 && { cpuMost }),
    cpuShare: amount('requests.cpu', requests['cpu'], millis),
    ...(memory > 0 && { memory }),
    endTogether: true,
  }
}

interface Asking {
  resources?: Container['resources'] | undefined
}

/** 0 for what is not there. */
function amount(field: string, given: string | number | undefined, read: (text: string) => number): number {
  if (given === undefined) return 0
  try {
    return read(String(given))
  } catch {
    const say = `resources.${field}: ${JSON.stringify(given)} is no amount from 0 on; write for example`
    throw new TypeError(`${say} ${read === millis ? '500m' : '64Mi'}`)
  }
}

/** Of a pod as a whole: its own `resources` (KEP-2837), and how many processes it may have. */
export function podLimitsOf({ resources }: PodSpec, pids: number): Limits {
  const { cpuShare: _, endTogether: __, ...given } = limitsOf({ resources })
  return { ...given, pids }
}

const [guaranteed, bestEffort] = [-997, 1000]
const least = 3

/**
 * /proc/PID/oom_score_adj: whom the kernel ends first when memory runs out (k8s.io/kubernetes/pkg/kubelet/qos/policy.go). `machine` is the node's memory in
 * bytes.
 */
export function oomScoreOf({ status }: Pod, { resources }: Pick<Container, 'resources'>, machine: number): number {
  if (status?.qosClass === 'Guaranteed') return guaranteed
  if (status?.qosClass === 'BestEffort') return bestEffort
  const { memory } = { ...((resources?.['limits'] ?? {}) as Amounts), ...((resources?.['requests'] ?? {}) as Amounts) }
  const asked = amount('requests.memory', memory, quantity)
  const score = bestEffort - Math.floor((bestEffort * asked) / machine)
  return Math.min(bestEffort - 1, Math.max(least, score))
}
