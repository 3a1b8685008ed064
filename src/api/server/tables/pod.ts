import type { ContainerStatus, Pod } from '../../objects/pod.ts'
import { ageColumn, type Columns, nameColumn, none, since, text } from './column.ts'

export const podColumns: Columns<Pod> = [
  nameColumn,
  text('Ready', (pod) => {
    const { ready, total } = summary(pod)
    return `${ready}/${total}`
  }),
  text('Status', (pod) => summary(pod).status),
  text('Restarts', (pod) => {
    const { restarts, lastRestart } = summary(pod)
    return restarts > 0 && lastRestart !== undefined ? `${restarts} (${since(lastRestart)} ago)` : String(restarts)
  }),
  ageColumn,
  text('IP', (pod) => pod.status?.podIP || none, true),
  text('Node', (pod) => pod.spec.nodeName || none, true),
  text('Nominated Node', () => none, true),
  text('Readiness Gates', () => none, true),
]

export interface PodSummary {
  status: string
  ready: number
  total: number
  restarts: number
  lastRestart: string | undefined
}

/** What a person means by a pod's status: printPod in k8s.io/kubernetes/pkg/printers, step by step. */
export function summary(pod: Pod): PodSummary {
  const { spec, status = {} } = pod
  const sidecars = new Set(
    (spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always').map((one) => one.name),
  )
  const out: PodSummary = {
    status: status.reason || status.phase || 'Unknown',
    ready: 0,
    total: spec.containers.length + sidecars.size,
    restarts: 0,
    lastRestart: undefined,
  }
  let sidecarRestarts = 0
  let initializing = false
  for (const [at, one] of (status.initContainerStatuses ?? []).entries()) {
    restarted(out, one)
    const sidecar = sidecars.has(one.name)
    if (sidecar) sidecarRestarts += one.restartCount
    const { terminated, waiting } = one.state ?? {}
    if (terminated?.exitCode === 0 && !sidecar) continue
    if (sidecar && one.started) {
      if (one.ready) out.ready++
      continue
    }
    if (terminated) out.status = `Init:${ended(terminated)}`
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') out.status = `Init:${waiting.reason}`
    else out.status = `Init:${at}/${spec.initContainers?.length ?? 0}`
    initializing = true
    break
  }
  const has = (type: string): boolean =>
    status.conditions?.some((one) => one.type === type && one.status === 'True') ?? false
  if (!initializing || has('Initialized'))
    mainContainers(out, status.containerStatuses ?? [], sidecarRestarts, has('Ready'))
  if (status.conditions?.some((one) => one.type === 'PodScheduled' && one.reason === 'SchedulingGated'))
    out.status = 'SchedulingGated'
  if (pod.metadata.deletionTimestamp !== undefined) {
    if (status.reason === 'NodeLost') out.status = 'Unknown'
    else if (status.phase !== 'Succeeded' && status.phase !== 'Failed') out.status = 'Terminating'
  }
  return out
}

function mainContainers(
  out: PodSummary,
  statuses: ContainerStatus[],
  sidecarRestarts: number,
  podReady: boolean,
): void {
  out.restarts = sidecarRestarts
  let running = false
  for (const one of statuses.toReversed()) {
    restarted(out, one)
    const { terminated, waiting } = one.state ?? {}
    if (waiting?.reason) out.status = waiting.reason
    else if (terminated) out.status = ended(terminated)
    else if (one.ready && one.state?.running) {
      running = true
      out.ready++
    }
  }
  // One container is done, another goes on.
  if (out.status === 'Completed' && running) out.status = podReady ? 'Running' : 'NotReady'
}

function ended({ reason, signal, exitCode }: { reason?: string; signal?: number; exitCode: number }): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`)
}

function restarted(out: PodSummary, one: ContainerStatus): void {
  out.restarts += one.restartCount
  const at = one.lastState?.terminated?.finishedAt
  if (at !== undefined && (out.lastRestart === undefined || at > out.lastRestart)) out.lastRestart = at
}
