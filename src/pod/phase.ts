import type { Container, Pod, PodStatus } from '../api/objects/pod.ts'
import { isRestarted } from './restarts.ts'
import type { ContainerFacts, PodFacts } from './status.ts'

/** How far a pod is, as kubelet's getPhase has it (k8s.io/kubernetes/pkg/kubelet/kubelet_pods.go). */
export function phaseOf(pod: Pod, facts: PodFacts): NonNullable<PodStatus['phase']> {
  if (facts.failed) return 'Failed'
  const old = pod.status?.phase
  if (old === 'Failed' || old === 'Succeeded') return old
  for (const init of pod.spec.initContainers ?? []) {
    const { ended } = facts.containers.get(init.name) ?? {}
    if (ended && ended.exitCode !== 0 && !isRestarted(pod.spec, init, ended.exitCode)) return 'Failed'
  }
  if (!initialized(pod, facts)) return 'Pending'
  let [waiting, running, stopped, succeeded, restarted] = [0, 0, 0, 0, 0]
  for (const container of pod.spec.containers) {
    const one = facts.containers.get(container.name)
    const end = one?.ended ?? one?.last
    if (one?.running) running++
    else if (end) {
      stopped++
      if (end.exitCode === 0) succeeded++
      if (isRestarted(pod.spec, container, end.exitCode)) restarted++
    } else waiting++
  }
  if (waiting > 0) return 'Pending'
  if (running > 0) return 'Running'
  if (stopped === 0) return 'Pending'
  // A pod that ends is judged by how its containers ended, whatever it would restart otherwise.
  if (restarted > 0 && !facts.ending) return 'Running'
  return succeeded === stopped ? 'Succeeded' : 'Failed'
}

export function isOver(phase: string): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

/** Whether every init container is done, and every sidecar among them has started at some time. */
function initialized(pod: Pod, facts: PodFacts): boolean {
  return (pod.spec.initContainers ?? []).every((init) => {
    const one = facts.containers.get(init.name)
    if (init.restartPolicy !== 'Always') return initDone(init, one)
    return one?.running ? one.started : hasStarted(one)
  })
}

export function hasStarted(one: ContainerFacts | undefined): boolean {
  return (one?.running ?? one?.ended ?? one?.last) !== undefined
}

/** Whether what stands behind an init container may start. */
export function initDone(init: Container, one: ContainerFacts | undefined): boolean {
  if (init.restartPolicy === 'Always') return one?.started === true || (one?.restarts ?? 0) > 0
  return one?.ended?.exitCode === 0
}
