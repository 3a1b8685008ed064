import type { Container, EphemeralContainer } from '../api/objects/pod.ts'
import { KubehopError } from '../base/errors.ts'
import type { Process } from '../kernel/process.ts'
import { goDuration } from './backoff.ts'
import type { ContainerLife } from './container/life.ts'
import type { Home } from './home.ts'
import type { Available } from './image/container-image.ts'
import type { Sandbox } from './sandbox/sandbox.ts'
import { isRestarted } from './restarts.ts'
import { initDone } from './phase.ts'
import { all } from './steps.ts'

/** The first process of the container whose processes an ephemeral one sees; undefined when that does not run. */
type Target = () => Process | undefined

/** What lacks, a ConfigMap perhaps, often comes with the same `kubectl apply`. */
const longestConfigRetryMs = 2000
const configError = 'CreateContainerConfigError'

export interface EnsureInput {
  home: Home
  sandbox: Sandbox
  containers: ReadonlyMap<string, ContainerLife>
  graceMs: number
  /** Asks to be called again after a while. */
  wakeIn: (ms: number) => void
}

/** Starts the containers that shall run and do not: init containers one after another, then all others at once; ephemeral ones at any time. */
export async function ensureContainers(input: EnsureInput): Promise<void> {
  const { ephemeralContainers = [] } = input.home.pod.spec
  await all([...ephemeralContainers.map((spec) => ensureEphemeral(input, spec)), ensureRegular(input)])
}

/** Once, however it ends. */
async function ensureEphemeral(input: EnsureInput, { name, targetContainerName }: EphemeralContainer): Promise<void> {
  const life = input.containers.get(name)
  if (!life || life.running) return
  const target = targetContainerName ? input.containers.get(targetContainerName) : undefined
  await ensure(input, life, () => false, target && (() => target.init))
}

async function ensureRegular(input: EnsureInput): Promise<void> {
  const { spec: pod } = input.home.pod
  const { initContainers = [], containers } = pod
  const done = (spec: Container): boolean => initDone(pod, spec, (name) => input.containers.get(name)?.facts)
  for (const spec of initContainers) {
    const life = input.containers.get(spec.name)
    if (!life || (done(spec) && spec.restartPolicy !== 'Always')) continue
    await ensure(input, life, (exitCode) => isRestarted(pod, spec, exitCode))
    if (!done(spec)) return
  }
  let begun: Promise<void>[] = []
  for (const spec of containers) {
    const life = input.containers.get(spec.name)
    if (!life) continue
    begun.push(ensure(input, life, (exitCode) => isRestarted(pod, spec, exitCode)))
    if (!spec.lifecycle?.postStart) continue
    // Those that stand behind it may count on what its hook has done, as with kubelet, which starts one after another. Its end pokes.
    await all(begun)
    begun = []
    if (life.starting) return
  }
  await all(begun)
}

/** `again`: whether it is started again after it has ended with an exit code. */
async function ensure(
  input: EnsureInput,
  life: ContainerLife,
  again: (exitCode: number) => boolean,
  target?: Target,
): Promise<void> {
  const { home, wakeIn } = input
  const { spec, ended } = life
  if (life.running) {
    if (life.image === spec.image || life.stopping) return
    home.event(spec, 'Normal', 'Killing', `Container ${spec.name} definition changed, will be restarted`)
    life.forgive()
    // Its end pokes.
    void life.stop(input.graceMs)
    return
  }
  if (ended && !again(ended.exitCode)) return
  const wait = life.dueAt - Date.now()
  if (wait > 0) {
    tellBackoff(home, life)
    wakeIn(wait)
    return
  }
  const image = life.source.ask(spec, wakeIn)
  if (image) await start(input, life, image, target)
}

async function start(
  { home, sandbox, wakeIn }: EnsureInput,
  life: ContainerLife,
  image: Available,
  target: Target | undefined,
): Promise<void> {
  const retryMs = Math.min(home.context.backoff.firstMs, longestConfigRetryMs)
  const refused = life.waitingFor?.reason === configError ? life.waitingFor : undefined
  if (refused && refused.ms < retryMs) {
    wakeIn(retryMs - refused.ms)
    return
  }
  if (!life.ended && !refused) life.wait('ContainerCreating')
  try {
    await life.start(sandbox, image, target)
  } catch (error) {
    if (!(error instanceof KubehopError) || error.code !== configError) throw error
    const say = error.plain
    if (!refused) home.event(life.spec, 'Warning', 'Failed', `Error: ${say}`)
    life.wait(configError, say)
    life.waitAnew()
    wakeIn(retryMs)
  }
}

/** Once per waiting, in kubelet's words. */
function tellBackoff(home: Home, life: ContainerLife): void {
  const { id } = home
  const pod = `${id.name}_${id.namespace}(${id.uid})`
  const { name } = life.spec
  const first = life.waitingFor?.reason !== 'CrashLoopBackOff'
  life.wait('CrashLoopBackOff', `back-off ${goDuration(life.delay)} restarting failed container=${name} pod=${pod}`)
  if (first) home.event(life.spec, 'Warning', 'BackOff', `Back-off restarting failed container ${name} in pod ${pod}`)
}
