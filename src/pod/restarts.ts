import type { Container, PodSpec } from '../api/objects/pod.ts'

/**
 * Whether a container that ended with this exit code is started again. Its own rules come first, then its own policy, then the pod's (KEP-5307). An
 * init container that succeeded is done, unless it is a sidecar.
 */
export function isRestarted(
  { restartPolicy: ofPod = 'Always', initContainers = [] }: PodSpec,
  { name, restartPolicy, restartPolicyRules = [] }: Container,
  exitCode: number,
): boolean {
  for (const { action, exitCodes } of restartPolicyRules)
    if (action === 'Restart' && exitCodes && (exitCodes.operator === 'In') === exitCodes.values?.includes(exitCode))
      return true
  const policy = restartPolicy ?? ofPod
  if (policy === 'Never') return false
  if (policy === 'OnFailure' || exitCode !== 0) return exitCode !== 0
  return restartPolicy === 'Always' || !initContainers.some((one) => one.name === name)
}
