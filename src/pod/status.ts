import type { Condition } from '../api/objects/meta.ts'
import type { Container, ContainerState, ContainerStatus, Pod, PodStatus } from '../api/objects/pod.ts'
import { hasStarted, initDone, isOver, phaseOf } from './phase.ts'
import type { Ending } from './record.ts'
import { enacted } from './resources/enacted.ts'
import { type Abilities, leftOutMessage } from './unsupported.ts'

/** What is so about one container, as its status tells. */
export interface ContainerFacts {
  restarts: number
  /** The instance that runs or ran last. */
  id?: string
  running?: { startedAt: string }
  /** The image of that instance: its whole name, and its id. */
  from?: { name: string; id: string }
  /** Why it does not run, when it shall: `ContainerCreating`, `CrashLoopBackOff`. */
  waiting?: { reason: string; message?: string }
  /** How the instance `id` ended. */
  ended?: Ending
  /** That end was in a sandbox before this one. */
  earlier?: true
  /** How the one before it ended. */
  last?: Ending
  /** The startup probe has succeeded, or there is none. */
  started: boolean
  ready: boolean
}

/** What is so about a pod. */
export interface PodFacts {
  hostIP: string
  startTime: string
  /** The sandbox is there and connected. */
  sandbox: boolean
  podIP?: string | undefined
  containers: ReadonlyMap<string, ContainerFacts>
  /** The pod is being ended: nothing is started again. */
  ending: boolean
  /** Ended by this node for a reason of its own: `DeadlineExceeded`. */
  failed?: { reason: string; message: string } | undefined
  /** What the pod asks for and does not get. */
  leftOut?: readonly string[]
  /** Why a control group cannot hold its containers to their limits. */
  missing?: Abilities['missing']
}

/** A pod's status, as kubelet computes it (k8s.io/kubernetes/pkg/kubelet/status/generate.go and kubelet_pods.go). */
export function statusOf(pod: Pod, facts: PodFacts, now: string): PodStatus {
  const phase = phaseOf(pod, facts)
  const inits = (pod.spec.initContainers ?? []).map((container) => initStatus(container, facts, phase))
  const making = makingOf(pod)
  const regular = pod.spec.containers.map((container) => containerStatus(container, facts, phase, making))
  const ephemeral = (pod.spec.ephemeralContainers ?? []).map((container) => ({
    ...containerStatus(container, facts, phase),
    // Nothing waits for it to be ready.
    ready: false,
  }))
  const conditions = conditionsOf(pod, facts, phase, inits, regular)
  const { podIP } = facts
  // A pod that is over tells so when nothing of it runs any more: others take its place then.
  const told = isOver(phase) && runs(facts) ? (before(pod) ?? phase) : phase
  // Of one that was over before this agent came, why is in its status alone.
  const why = told === 'Failed' && facts.failed ? facts.failed : saidBefore(pod)
  return {
    phase: told,
    conditions: dated(conditions, pod.status?.conditions ?? [], now),
    hostIP: facts.hostIP,
    hostIPs: [{ ip: facts.hostIP }],
    ...(podIP !== undefined && { podIP, podIPs: [{ ip: podIP }] }),
    startTime: facts.startTime,
    ...why,
    ...(inits.length > 0 && { initContainerStatuses: inits }),
    containerStatuses: regular,
    ...(ephemeral.length > 0 && { ephemeralContainerStatuses: ephemeral }),
  }
}

function runs(facts: PodFacts): boolean {
  return [...facts.containers.values()].some(({ running }) => running !== undefined)
}

/** What a pod that is not over was told to be last. */
function before({ status }: Pod): PodStatus['phase'] {
  return status?.phase !== undefined && !isOver(status.phase) ? status.phase : undefined
}

/** Why a pod is over that has been told to be. */
function saidBefore({ status }: Pod): Pick<PodStatus, 'reason' | 'message'> {
  const { phase = 'Pending', reason, message } = status ?? {}
  if (!isOver(phase)) return {}
  return { ...(reason !== undefined && { reason }), ...(message !== undefined && { message }) }
}

/** As kubelet has it, the containers of a pod with init containers are never told to be created. */
const creating = 'ContainerCreating'
const initializing = 'PodInitializing'

/** Why a regular container waits when there is no better reason. */
function makingOf({ spec: { initContainers = [] } }: Pod): string {
  return initContainers.length > 0 ? initializing : creating
}

/** Why a container that has never run waits, as its pod's status tells it. */
export function waitingReason(pod: Pod, name: string, { waiting }: Pick<ContainerFacts, 'waiting'>): string {
  if (waiting && waiting.reason !== creating) return waiting.reason
  return pod.spec.containers.some((one) => one.name === name) ? makingOf(pod) : initializing
}

/** One that is done is told to be ready, a sidecar when it is (k8s.io/kubernetes/pkg/kubelet/prober/prober_manager.go). */
function initStatus(init: Container, facts: PodFacts, phase: string): ContainerStatus {
  const status = containerStatus(init, facts, phase)
  return init.restartPolicy === 'Always' ? status : { ...status, ready: status.state?.terminated?.exitCode === 0 }
}

/** `making`: why it waits when there is no better reason. */
function containerStatus(container: Container, facts: PodFacts, phase: string, making = initializing): ContainerStatus {
  const one = facts.containers.get(container.name) ?? { restarts: 0, started: false, ready: false }
  const state = stateOf(one, phase, making)
  const last = state.terminated ? one.last : (one.ended ?? one.last)
  return {
    name: container.name,
    ready: one.ready,
    started: one.running !== undefined && one.started,
    restartCount: one.restarts,
    image: one.from?.name ?? container.image ?? '',
    imageID: one.from?.id ?? (container.image === 'host' ? 'kubehop://host' : ''),
    ...(one.id !== undefined && { containerID: containerId(one.id), ...enacted(container, facts.missing ?? {}) }),
    state,
    lastState: last ? { terminated: terminated(last) } : {},
  }
}

function stateOf(one: ContainerFacts, phase: string, making: string): ContainerState {
  if (one.running) return { running: { startedAt: seconds(one.running.startedAt) } }
  if (one.waiting && !isOver(phase))
    return { waiting: one.waiting.reason === creating ? { ...one.waiting, reason: making } : one.waiting }
  if (one.ended) return { terminated: terminated(one.ended) }
  return { waiting: { reason: making } }
}

function terminated(end: Ending): NonNullable<ContainerState['terminated']> {
  return {
    exitCode: end.exitCode,
    ...(end.signal !== undefined && { signal: end.signal }),
    reason: end.reason,
    ...(end.message !== undefined && end.message !== '' && { message: end.message }),
    startedAt: seconds(end.startedAt),
    finishedAt: seconds(end.finishedAt),
    containerID: containerId(end.id),
  }
}

export function containerId(id: string): string {
  return `kubehop://${id}`
}

/** Kubernetes' times have no fractions. */
export function seconds(time: string): string {
  return `${time.slice(0, 19)}Z`
}

function conditionsOf(
  pod: Pod,
  facts: PodFacts,
  phase: string,
  inits: ContainerStatus[],
  regular: ContainerStatus[],
): Condition[] {
  const over = isOver(phase)
  const completed = { reason: 'PodCompleted' }
  const begun = pod.spec.containers.some(({ name }) => hasStarted(facts.containers.get(name)))
  const incomplete = (pod.spec.initContainers ?? []).filter(
    (init) => !begun && !initDone(pod.spec, init, (name) => facts.containers.get(name)),
  )
  const sidecars = new Set(
    (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always').map((one) => one.name),
  )
  const unready = [...inits.filter((one) => sidecars.has(one.name)), ...regular].filter((one) => !one.ready)
  const allReady = unready.length === 0 && !over
  const notReady = over
    ? { reason: phase === 'Failed' ? 'PodFailed' : 'PodCompleted' }
    : { reason: 'ContainersNotReady', message: `containers with unready status: [${names(unready)}]` }
  return [
    condition('PodReadyToStartContainers', facts.sandbox && !over),
    condition(
      'Initialized',
      incomplete.length === 0 || phase === 'Succeeded',
      phase === 'Succeeded'
        ? completed
        : { reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${names(incomplete)}]` },
    ),
    allReady ? gated(pod) : condition('Ready', false, notReady),
    condition('ContainersReady', allReady, notReady),
    condition('PodScheduled', true),
    ...leftOut(facts.leftOut ?? []),
  ].map((one) => (one.type === 'Initialized' && phase === 'Succeeded' ? { ...one, ...completed } : one))
}

/** Ready, when whoever else has a say in it (spec.readinessGates, KEP-580) has said so in a condition of the pod. */
function gated({ spec, status }: Pod): Condition {
  const closed = (spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = status?.conditions?.find(({ type }) => type === conditionType)
    if (!found) return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
    if (found.status === 'True') return []
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`]
  })
  return condition('Ready', closed.length === 0, { reason: 'ReadinessGatesNotReady', message: closed.join(', ') })
}

/** For whoever wonders later: the event that says it goes after an hour. */
function leftOut(fields: readonly string[]): Condition[] {
  if (fields.length === 0) return []
  const message = leftOutMessage(fields)
  return [{ type: 'kubehop.dev/Unsupported', status: 'True', reason: 'FieldsLeftOut', message }]
}

function names(list: { name: string }[]): string {
  return list.map(({ name }) => name).join(' ')
}

function condition(type: string, holds: boolean, otherwise: { reason?: string; message?: string } = {}): Condition {
  return { type, status: holds ? 'True' : 'False', ...(!holds && otherwise) }
}

/** Conditions that others set stay; a condition keeps the time at which its status last changed. */
function dated(conditions: Condition[], old: readonly Condition[], now: string): Condition[] {
  const ours = new Set(conditions.map(({ type }) => type))
  const result = conditions.map((one) => {
    const before = old.find(({ type }) => type === one.type)
    const since = before?.status === one.status ? before.lastTransitionTime : undefined
    return { ...one, lastTransitionTime: since ?? seconds(now) }
  })
  return [...result, ...old.filter(({ type }) => !ours.has(type))]
}
