import type { Condition } from '../../api/objects/meta.ts'
import type { Container, ContainerStatus, Pod, Probe } from '../../api/objects/pod.ts'
import type { Event } from '../../api/objects/simple.ts'
import type { Because } from '../../trace/types.ts'
import { listed, plural } from './finding.ts'

/** Why a pod is not Ready. */
export interface Trouble {
  /** A word for pods in the same trouble: `CrashLoopBackOff`, `readiness probe`. */
  readonly kind: string
  /** `its readiness probe fails: HTTP probe failed with statuscode: 500`. */
  readonly say: string
  readonly fix: string
  readonly evidence: Because
  /** It may pass by itself: the pod has not had the time that its own manifest gives it. */
  readonly early: boolean
  /** The container and its probe, where it is one that fails. */
  readonly probe?: {
    readonly container: Container
    readonly type: ProbeType
    readonly probe: Probe
    readonly said: string
  }
}

type ProbeType = 'readinessProbe' | 'startupProbe'

/** Events of the pod, in any order. */
export function troubleOf(pod: Pod, events: readonly Event[], now: number): Trouble {
  const command = `kubectl -n ${pod.metadata.namespace ?? 'default'}`
  const { name } = pod.metadata
  const describe = `${command} describe pod ${name}`
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])]
  const stuck = statuses.find(isStuck)
  if (stuck) return containerTrouble(pod, stuck, command)
  const scheduled = condition(pod, 'PodScheduled')
  if (scheduled?.status === 'False' && pod.spec.nodeName === undefined)
    return {
      kind: scheduled.reason ?? 'Unschedulable',
      say: `no node takes it: ${scheduled.message ?? 'it is not scheduled'}`,
      fix: `change what it asks for, or give the cluster a node that has it: ${describe}`,
      evidence: { kind: 'object', text: `PodScheduled False ${scheduled.reason ?? ''}`.trim() },
      early: secondsSince(scheduled.lastTransitionTime ?? pod.metadata.creationTimestamp, now) < 3,
    }
  const failing = probeTrouble(pod, events, now, describe)
  if (failing) return failing
  return unfinished(pod, statuses, now, describe)
}

/** Nothing failed, and it is not Ready: images are fetched, init containers run, gates wait. */
function unfinished(pod: Pod, statuses: readonly ContainerStatus[], now: number, describe: string): Trouble {
  const ready = condition(pod, 'Ready')
  const inits = pod.status?.initContainerStatuses ?? []
  const initial = inits.find(({ state, name }) => state?.running !== undefined && !isSidecar(pod, name))
  const waiting = statuses.find(({ state }) => state?.waiting?.reason !== undefined)?.state?.waiting
  const what = initial
    ? `init container ${initial.name} has not ended yet`
    : (ready?.message ?? waiting?.reason ?? ready?.reason ?? pod.status?.phase ?? 'Pending')
  // Images may be large, and what init containers wait for may be slow.
  const patience = (initial ?? waiting) ? 60 : 10
  return {
    kind: ready?.reason ?? what,
    say: what,
    fix: initial ? `see what it waits for: ${logsOf(pod, initial.name)}` : describe,
    evidence: { kind: 'object', text: `Ready ${ready?.status ?? 'unknown'}: ${what}` },
    early: secondsSince(pod.metadata.creationTimestamp, now) < patience,
  }
}

/** An init container that goes on running (KEP-753). */
function isSidecar({ spec }: Pod, name: string): boolean {
  return spec.initContainers?.find((one) => one.name === name)?.restartPolicy === 'Always'
}

function logsOf({ metadata: { namespace = 'default', name } }: Pod, container: string): string {
  return `kubectl -n ${namespace} logs ${name} -c ${container}`
}

const hopeless = new Set([
  'CrashLoopBackOff',
  'ErrImagePull',
  'ImagePullBackOff',
  'ErrImageNeverPull',
  'InvalidImageName',
])
const refused = new Set([
  'CreateContainerConfigError',
  'CreateContainerError',
  'RunContainerError',
  'PreCreateHookError',
])

function isStuck({ state, ready }: ContainerStatus): boolean {
  const reason = state?.waiting?.reason ?? ''
  if (hopeless.has(reason) || refused.has(reason)) return true
  return !ready && state?.terminated !== undefined && state.terminated.exitCode !== 0
}

function containerTrouble(pod: Pod, status: ContainerStatus, command: string): Trouble {
  const reason = status.state?.waiting?.reason ?? status.state?.terminated?.reason ?? 'Error'
  const { name } = pod.metadata
  const detail = status.state?.waiting?.message ?? ''
  const evidence = {
    kind: 'object',
    text: `container ${status.name}: ${reason}, ${status.restartCount} restarts`,
  } as const
  const image = `container ${status.name}: image ${status.image || imageOf(pod, status.name)}`
  if (reason.includes('Image'))
    return {
      kind: reason,
      say: `${image} is not to be had (${reason})${detail === '' ? '' : `: ${detail}`}`,
      fix: `bring it in, or name one that is there: ${command} describe pod ${name}`,
      evidence,
      early: false,
    }
  const ended = status.lastState?.terminated ?? status.state?.terminated
  const again = status.restartCount > 0
  if (ended || reason === 'CrashLoopBackOff')
    return {
      kind: 'crash',
      say: `container ${status.name} ${again ? 'ends each time' : 'ended'}${ended === undefined ? ` (${reason})` : `: ${endOf(ended)}`}${again ? `, ${plural(status.restartCount, 'restart')}` : ''}`,
      fix: `its last words: ${logsOf(pod, status.name)}${status.state?.terminated ? '' : ' --previous'}`,
      evidence,
      // What another program was not ready for is often done at the second attempt.
      early: !again,
    }
  return {
    kind: reason,
    say: `container ${status.name} cannot be started (${reason})${detail === '' ? '' : `: ${detail}`}`,
    fix: `${command} describe pod ${name}`,
    evidence,
    early: false,
  }
}

function endOf({ exitCode, reason, signal }: NonNullable<ContainerStatus['state']>['terminated'] & object): string {
  if (reason === 'OOMKilled') return 'killed because it took more memory than its limit (OOMKilled)'
  return signal === undefined ? `exit code ${exitCode}` : `signal ${signal}`
}

/** A container that runs and is not ready: its startup or readiness probe has not been passed. */
function probeTrouble(pod: Pod, events: readonly Event[], now: number, describe: string): Trouble | undefined {
  for (const status of pod.status?.containerStatuses ?? []) {
    const container = pod.spec.containers.find(({ name }) => name === status.name)
    const since = status.state?.running?.startedAt
    if (status.ready || since === undefined || !container) continue
    const type: ProbeType = status.started === false && container.startupProbe ? 'startupProbe' : 'readinessProbe'
    const probe = container[type]
    if (!probe) continue
    const word = type === 'startupProbe' ? 'startup probe' : 'readiness probe'
    const said = lastFailure(events, type === 'startupProbe' ? 'Startup' : 'Readiness', status.name)
    // What was Ready once has had its time.
    const before = Date.parse(condition(pod, 'Ready')?.lastTransitionTime ?? '')
    const wasReady = before > Date.parse(since) + 2000 && said !== undefined
    const nowhere = unknownPort(container, probe)
    if (nowhere !== undefined)
      return {
        kind: word,
        say: `the ${word} of container ${status.name} (${textOf(probe)}) asks a port "${nowhere}", and the container has none of that name${names(container)}`,
        fix: `let the probe name a port of its container, or its number: ${describe}`,
        evidence: { kind: 'object', text: said ?? `container ${status.name}: ${type} port ${nowhere}` },
        // No time helps.
        early: false,
        probe: { container, type, probe, said: said ?? '' },
      }
    return {
      kind: word,
      say: `the ${word} of container ${status.name} (${textOf(probe)}) fails${said === undefined ? '' : `: ${said}`}`,
      fix: `let the program answer it, or correct the probe: ${describe}`,
      evidence: { kind: 'object', text: said ?? `container ${status.name} runs and is not ready` },
      early: !wasReady && secondsSince(since, now) < patienceOf(probe),
      probe: { container, type, probe, said: said ?? '' },
    }
  }
  return undefined
}

/** The port that a probe names, where its container has none of that name. */
export function unknownPort({ ports = [] }: Container, { httpGet, tcpSocket }: Probe): string | undefined {
  const port = httpGet?.port ?? tcpSocket?.port
  if (typeof port !== 'string' || /^\d+$/.test(port)) return undefined
  return ports.some(({ name }) => name === port) ? undefined : port
}

function names({ ports = [] }: Container): string {
  const all = ports.flatMap(({ name }) => name ?? [])
  return all.length === 0 ? '' : `: it has ${listed(all)}`
}

/** Of a pod that is never started again, a container that has done its work while others go on. */
export function isPartlyDone({ spec, status }: Pod): boolean {
  if ((spec.restartPolicy ?? 'Always') === 'Always') return false
  const all = status?.containerStatuses ?? []
  const done = all.filter(({ state }) => state?.terminated?.exitCode === 0)
  return done.length > 0 && all.every((one) => one.ready || done.includes(one))
}

/** How long a container may take by its own manifest; probes that are asked often get some seconds all the same. */
function patienceOf({ initialDelaySeconds = 0, periodSeconds = 10, failureThreshold = 3 }: Probe): number {
  return initialDelaySeconds + Math.max(5, periodSeconds * failureThreshold)
}

/** `GET :8080/healthz`, `TCP :5432`, `exec pg_isready`. */
function textOf({ httpGet, tcpSocket, grpc, exec }: Probe): string {
  if (httpGet) return `GET :${httpGet.port}${httpGet.path ?? '/'}`
  if (tcpSocket) return `TCP :${tcpSocket.port}`
  if (grpc) return `gRPC :${grpc.port}`
  return exec ? `exec ${exec.command.join(' ').slice(0, 60)}` : 'of no kind'
}

function lastFailure(events: readonly Event[], word: string, container: string): string | undefined {
  const found = events
    .filter(({ reason, message = '', involvedObject: { fieldPath } }) => {
      const other = fieldPath !== undefined && fieldPath !== `spec.containers{${container}}`
      return reason === 'Unhealthy' && message.startsWith(`${word} probe`) && !other
    })
    .sort((one, next) => (timeOf(one) < timeOf(next) ? 1 : -1))[0]
  return found?.message
    ?.replace(/^\w+ probe (failed|errored)[^:]*: /, '')
    .trim()
    .split('\n')[0]
}

function timeOf({ lastTimestamp, eventTime, firstTimestamp }: Event): string {
  return lastTimestamp ?? eventTime ?? firstTimestamp ?? ''
}

function condition({ status }: Pod, type: string): Condition | undefined {
  return status?.conditions?.find((one) => one.type === type)
}

function imageOf({ spec }: Pod, name: string): string {
  return [...spec.containers, ...(spec.initContainers ?? [])].find((one) => one.name === name)?.image ?? ''
}

function secondsSince(time: string | undefined, now: number): number {
  const at = Date.parse(time ?? '')
  return Number.isNaN(at) ? Number.POSITIVE_INFINITY : (now - at) / 1000
}
