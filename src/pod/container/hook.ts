import { setTimeout as sleep } from 'node:timers/promises'
import type { LifecycleHandler } from '../../api/objects/pod.ts'
import { messageOf } from '../../base/errors.ts'
import { longestTimerMs } from '../../base/timer.ts'
import type { Home } from '../home.ts'
import { httpGet, placeOf } from '../probe/http.ts'
import type { ProbeTarget } from '../probe/target.ts'

export type HookName = 'PostStart' | 'PreStop'

export interface HookRun {
  name: HookName
  hook: LifecycleHandler
  target: ProbeTarget
  /** Fulfilled when its container has ended. */
  ended: Promise<unknown>
  /** It is given up after so long; undefined: never. */
  timeoutMs?: number | undefined
}

/** Runs a hook of a container's life, once. False when it failed, which an event has told; the log knows why. */
export async function tellingHook(home: Home, run: HookRun): Promise<boolean> {
  const { name, target } = run
  const over = new AbortController()
  void run.ended.then(() => over.abort())
  // kubelet gives a hook without a grace all the time that it takes.
  const why = await runHook(run.hook, target, run.timeoutMs ?? longestTimerMs, over.signal)
  if (why === undefined) return true
  const { context, id } = home
  // As kubelet's: what the hook printed may be secret.
  const where = why.printed ? `; what it printed is in the log of the agent of ${context.nodeName}` : ''
  home.event(target.container, 'Warning', `Failed${name}Hook`, `${name}Hook failed: ${why.say}${where}`)
  context.log.info({ pod: id.name, container: target.container.name, ...why }, `a ${name} hook failed`)
  return false
}

interface Failure {
  /** For everybody who may read events. */
  say: string
  printed?: string
}

/** Undefined, or why it failed (k8s.io/kubernetes/pkg/kubelet/lifecycle). */
async function runHook(
  hook: LifecycleHandler,
  target: ProbeTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<Failure | undefined> {
  try {
    if (hook.sleep) return await rest(hook.sleep.seconds * 1000, timeoutMs, signal)
    if (hook.exec) return await exec(hook.exec.command, target, timeoutMs)
    if (!hook.httpGet) return { say: 'invalid handler: one of exec, httpGet, sleep is needed' }
    // Whatever the answer is: somebody was told.
    const wishes = { timeoutMs, agent: 'kube-lifecycle', elsewhere: true, signal }
    await httpGet(placeOf(hook.httpGet, target), hook.httpGet, wishes)
    return undefined
  } catch (error) {
    return { say: messageOf(error) }
  }
}

async function rest(ms: number, timeoutMs: number, signal: AbortSignal): Promise<undefined> {
  // That its container ended meanwhile is no failure of a pause.
  await sleep(Math.min(ms, timeoutMs), undefined, { signal }).catch(() => undefined)
}

async function exec(command: string[], target: ProbeTarget, timeoutMs: number): Promise<Failure | undefined> {
  const { code, output } = await target.exec(command, timeoutMs)
  if (code === 0) return undefined
  const printed = output.trim()
  const say = code === undefined ? `it was not done after ${timeoutMs / 1000}s` : `it exited with ${code}`
  return { say, ...(printed !== '' && { printed }) }
}
