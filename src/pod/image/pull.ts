import type { Container } from '../../api/objects/pod.ts'

/** Why a container's image cannot be had. */
export interface PullVerdict {
  reason: 'ErrImageNeverPull' | 'ErrImagePull' | 'ImagePullBackOff'
  message: string
  events: { type: 'Normal' | 'Warning'; reason: string; message: string }[]
  againInMs?: number
}

const backoffAfterMs = 2000

/** undefined when the image is there. The only one is `host`: this machine's own files. `waited` is what it waited for until now. */
export function pullVerdict(
  { image = '', imagePullPolicy }: Container,
  waited: { reason: string; ms: number } | undefined,
): PullVerdict | undefined {
  if (image === 'host') return undefined
  const remedy =
    `images cannot be loaded yet. Use "image: host" and a command: it runs that command with this machine's own files, ` +
    'which are read-only to it'
  if (imagePullPolicy === 'Never') {
    const message = `Container image ${JSON.stringify(image)} is not present with pull policy of Never: ${remedy}`
    const events =
      waited?.reason === 'ErrImageNeverPull' ? [] : [warning('ErrImageNeverPull', message), failed('ErrImageNeverPull')]
    return { reason: 'ErrImageNeverPull', message, events }
  }
  const missing = `Failed to pull image ${JSON.stringify(image)}: ${remedy}`
  if (waited?.reason === 'ErrImagePull' && waited.ms < backoffAfterMs)
    return { reason: 'ErrImagePull', message: missing, events: [], againInMs: backoffAfterMs - waited.ms }
  if (waited?.reason === 'ErrImagePull') {
    const message = `Back-off pulling image ${JSON.stringify(image)}: ${remedy}`
    const events = [
      { type: 'Normal' as const, reason: 'BackOff', message: `Back-off pulling image ${JSON.stringify(image)}` },
      failed('ImagePullBackOff'),
    ]
    return { reason: 'ImagePullBackOff', message, events }
  }
  if (waited?.reason === 'ImagePullBackOff')
    return {
      reason: 'ImagePullBackOff',
      message: `Back-off pulling image ${JSON.stringify(image)}: ${remedy}`,
      events: [],
    }
  return {
    reason: 'ErrImagePull',
    message: missing,
    events: [warning('Failed', missing), failed('ErrImagePull')],
    againInMs: backoffAfterMs,
  }
}

function warning(reason: string, message: string): PullVerdict['events'][number] {
  return { type: 'Warning', reason, message }
}

function failed(what: string): PullVerdict['events'][number] {
  return warning('Failed', `Error: ${what}`)
}
