import type { Client } from '../api/client/client.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { readiness } from './describe.ts'

const retryMs = 1000

/**
 * Says that the node is ready, and again whenever another hand has written otherwise: the control plane does so when it hears nothing
 * for a while, because the agent was stopped or the wire was cut. `first` is fulfilled when it has been said once.
 */
export function keepReady(
  client: Client,
  name: string,
  say: string,
  log: Log,
): { first: Promise<void>; close(): void } {
  let retry: NodeJS.Timeout | undefined
  const tell = (): Promise<unknown> =>
    client.patch('Node', name, undefined, { status: { conditions: [readiness(true, say, new Date())] } }, 'status')
  const tellAgain = (): void => {
    tell().catch((error: unknown) => {
      log.warn({ error: messageOf(error) }, 'the node could not be reported ready; trying again')
      clearTimeout(retry)
      retry = setTimeout(tellAgain, retryMs)
    })
  }
  const first = tell().then(() => undefined)
  let follower: { close(): void } | undefined
  let closed = false
  // Only what is written after the first word can contradict it.
  const following = first.then(() => {
    if (closed) return
    follower = client.follow('Node', {
      fieldSelector: `metadata.name=${name}`,
      onChange({ type, object }) {
        const ready = object.status?.conditions?.find((condition) => condition.type === 'Ready')
        if (type !== 'deleted' && ready?.status !== 'True') tellAgain()
      },
    })
  })
  return {
    first: following,
    close() {
      closed = true
      clearTimeout(retry)
      follower?.close()
    },
  }
}
