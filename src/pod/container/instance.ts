import { join } from 'node:path'
import type { Container, EphemeralContainer, PodSpec } from '../../api/objects/pod.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Process } from '../../kernel/process.ts'
import type { Home } from '../home.ts'
import type { LocalImage } from '../image/local.ts'
import { startingIn } from '../paths.ts'
import type { RunRecord } from '../record.ts'
import type { Holding } from '../resources/groups.ts'
import { overlayOp } from '../root/image-root.ts'
import type { Sandbox } from '../sandbox/sandbox.ts'
import { sharingOf } from '../sandbox/sandbox-program.ts'
import { originOf, type Prepared } from './prepare.ts'
import type { ProcessesSeen } from './program.ts'
import { readable } from './readable.ts'
import { adoptRun, type ContainerRun, startRun } from './run.ts'
import { streamsOf } from './run-streams.ts'

export interface InstanceInput extends Pick<Prepared, 'what' | 'root'> {
  spec: Container
  /** From 0 on. */
  attempt: number
  /** Undefined for this machine's files. */
  image: LocalImage | undefined
  holding: Holding
  sandbox: Sandbox
  /** Of an ephemeral container: one whose processes it sees. */
  target: Process | undefined
}

/** Starts an instance of a pod's container. Rejects with an Error for people (a container's `StartError`) when the machine refuses it. */
export async function startInstance(home: Home, input: InstanceInput): Promise<ContainerRun> {
  const { context, id, pod } = home
  const { spec, attempt, image, holding, sandbox, what, root, target } = input
  try {
    return await startRun({
      title: `${id.namespace}/${id.name}/${spec.name}`,
      image: spec.image ?? '',
      from: image && originOf(image, what),
      attempt,
      paths: home.paths.container(spec.name),
      logPath: logPathOf(home, spec, attempt),
      what,
      root,
      streams: streamsOf(spec),
      processes: processesOf(spec, pod.spec),
      target,
      group: await context.groups.make(id.uid, spec.name, holding),
      bounds: holding.bounds,
      pause: sandbox.pause,
      starting: startingIn(context.stateDir),
      log: context.log,
    })
  } catch (cause) {
    const error = readable(cause, what)
    const say = `failed to start container "${spec.name}": ${messageOf(error)}${remedyOf(error)}`
    throw new Error(say, { cause })
  }
}

/** An instance that another agent started. */
export function adoptInstance(home: Home, spec: Container, record: RunRecord): ContainerRun {
  const { context, id, paths } = home
  const wishes = {
    streams: streamsOf(spec),
    group: context.groups.open(id.uid, spec.name),
  }
  const logPath = logPathOf(home, spec, record.attempt)
  return adoptRun(record, paths.container(spec.name), wishes, logPath, context.log)
}

export function logPathOf({ paths }: Home, { name }: Container, attempt: number): string {
  return join(paths.logs, name, `${attempt}.log`)
}

/** An ephemeral container may see the processes of another one, where those of the whole pod are not everybody's anyway. */
function processesOf({ targetContainerName }: EphemeralContainer, spec: PodSpec): ProcessesSeen {
  const { processes } = sharingOf(spec)
  return processes === 'own' && targetContainerName ? 'target' : processes
}

function remedyOf(error: unknown): string {
  if (!(error instanceof KubehopError) || error.room !== 'kernel') return ''
  if (error.op === overlayOp)
    return '. This kernel refuses an overlay file system here: images need one (Linux 5.11 or newer, where not forbidden); "image: host" does not'
  if (error.op === 'mount /proc' && error.code === 'EPERM')
    return '. Parts of /proc are hidden here (a container without its own user namespace does that), so no new one can be mounted'
  return ''
}
