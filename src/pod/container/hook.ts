import type { LifecycleHandler } from '../../api/objects/pod.ts'
import { type ProbeTarget, runProbe } from '../probe/run.ts'

/** A hook of a container's life, once. False when it failed; `tell` gets the event. */
export async function runHook(
  hook: LifecycleHandler,
  name: 'PostStart' | 'PreStop',
  target: ProbeTarget,
  timeoutMs: number,
  tell: (reason: string, message: string) => void,
): Promise<boolean> {
  if (hook.sleep) {
    const ms = Math.min(hook.sleep.seconds * 1000, timeoutMs)
    await new Promise((resolve) => setTimeout(resolve, ms))
    return true
  }
  const { ok, say } = await runProbe(hook, target, timeoutMs)
  if (!ok) tell(`Failed${name}Hook`, `${name}Hook failed: ${say}`)
  return ok
}
