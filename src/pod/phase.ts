import type { Container, Pod, PodSpec, PodStatus } from '../api/objects/pod.ts'
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
  let [waiting, running, stopped, well, restarted] = [0, 0, 0, 0, 0]
  for (const container of pod.spec.containers) {
    const one = facts.containers.get(container.name)
    const end = one?.ended ?? one?.last
    if (one?.running) running++
    else if (end) {
      stopped++
      if (end.exitCode === 0) well++
      if (isRestarted(pod.spec, container, end.exitCode)) restarted++
    } else waiting++
  }
  if (waiting > 0) return 'Pending'
  if (running > 0) return 'Running'
  if (stopped === 0) return 'Pending'
  // A pod that ends is judged by how its containers ended, whatever it would restart otherwise.
  if (restarted > 0 && !facts.ending) return 'Running'
  return well === stopped ? 'Succeeded' : 'Failed'
}

export function isOver(phase: string): boolean {
  return phase === 'Succeeded' || phase === 'Failed'
}

/**
 * Whether every init container is done, and every sidecar among them has started at some time: for one that is started again, a pod whose containers
 * have begun does not go back.
 */
function initialized({ spec }: Pod, { containers }: PodFacts): boolean {
  const begun = spec.containers.some(({ name }) => hasStarted(containers.get(name)))
  return (spec.initContainers ?? []).every((init) => {
    const one = containers.get(init.name)
    if (init.restartPolicy !== 'Always') return succeeded(one)
    return begun || (one?.running ? one.started : hasStarted(one))
  })
}

export function hasStarted(one: ContainerFacts | undefined): boolean {
  return (one?.running ?? one?.ended ?? one?.last) !== undefined
}

const succeeded = (one: ContainerFacts | undefined): boolean => one?.ended?.exitCode === 0

/**
 * Whether what stands behind an init container may start. A sidecar has to have started, its startup probe too, however often that takes
 * (KEP-753); once something behind it has begun, it had.
 */
export function initDone(
  { initContainers = [], containers }: PodSpec,
  init: Container,
  factsOf: (name: string) => ContainerFacts | undefined,
): boolean {
  const one = factsOf(init.name)
  if (init.restartPolicy !== 'Always') return succeeded(one)
  if (one?.started === true) return true
  const behind = [
    ...initContainers.slice(initContainers.findIndex(({ name }) => name === init.name) + 1),
    ...containers,
  ]
  return behind.some(({ name }) => {
    const later = factsOf(name)
    return later?.running !== undefined || (later?.ended !== undefined && later.earlier !== true)
  })
}
