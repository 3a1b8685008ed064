import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { ObjectReference } from '../objects/meta.ts'
import { ApiError, type Client } from './client.ts'

type Recorder = Client['event']

/** How many different events are remembered for counting, and how many may wait for the API. */
const limit = 512

/** Records events through a client's own verbs; a repeat raises the count of the first one. Never throws. */
export function makeRecorder(
  client: Pick<Client, 'create' | 'patch'>,
  component: string,
  log?: Pick<Log, 'debug' | 'warn'>,
): Recorder {
  const recorded = new Map<string, { name: string; count: number }>()
  let waiting = 0
  let last: Promise<void> = Promise.resolve()

  async function record(
    about: ObjectReference,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
    at: string,
    id: string,
  ) {
    const namespace = about.namespace ?? 'default'
    const key = JSON.stringify([about.kind, namespace, about.name, about.uid, about.fieldPath, type, reason, message])
    const before = recorded.get(key)
    if (before) {
      try {
        await client.patch('Event', before.name, namespace, { count: before.count + 1, lastTimestamp: at })
        before.count++
        return
      } catch (error) {
        if (!(error instanceof ApiError && error.code === 404)) throw error
      }
    }
    const made = await client.create('Event', {
      metadata: { name: `${(about.name ?? 'unknown').slice(0, 200)}.${id}`, namespace },
      involvedObject: { ...about },
      type,
      reason,
      message: message.slice(0, 1024),
      count: 1,
      firstTimestamp: at,
      lastTimestamp: at,
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
    })
    recorded.delete(key)
    recorded.set(key, { name: made.metadata.name, count: 1 })
    for (const oldest of recorded.keys()) {
      if (recorded.size <= limit) break
      recorded.delete(oldest)
    }
  }

  return (about, type, reason, message) => {
    if (waiting >= limit) {
      log?.warn({ about, reason, message }, 'an event was dropped: too many wait for the API server')
      return
    }
    waiting++
    const at = `${new Date().toISOString().slice(0, 19)}Z`
    const id = nextId()
    last = last
      .then(() => record(about, type, reason, message, at, id))
      .catch((error: unknown) => {
        // Nothing new can be told about a namespace on its way out, and that is no trouble.
        const expected = error instanceof ApiError && (error.code === 403 || error.code === 404)
        log?.[expected ? 'debug' : 'warn'](
          { about, reason, message, error: messageOf(error) },
          'an event was not recorded',
        )
      })
      .finally(() => waiting--)
  }
}

let newest = 0n
/** Nanoseconds in hexadecimal, as Kubernetes names its events: events of one second are listed in the order in which they happened. */
function nextId(): string {
  const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n
  newest = now > newest ? now : newest + 1n
  return newest.toString(16)
}
