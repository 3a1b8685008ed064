import { ApiError, type Client } from '../api/client/client.ts'
import type { TraceObject, TraceObjectStatus } from '../api/objects/trace.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { statusOf } from '../trace/object/status.ts'
import { type ObjectWish, wishOf } from '../trace/object/wish.ts'
import type { Trace } from '../trace/types.ts'

/** Traces that run at once; others wait their turn. */
const atOnce = 4

/** Sends each Trace object's request once and writes what became of it into its status. */
export function answerTraces(
  client: Client,
  trace: (wish: ObjectWish, signal: AbortSignal) => Promise<Trace>,
  log: Log,
): void {
  const waiting: TraceObject[] = []
  const running = new Map<string, AbortController>()
  client.follow('Trace', {
    onChange(change) {
      const { object } = change
      const { uid = '' } = object.metadata
      // What is deleted is not sent, or not waited for any longer.
      if (change.type === 'deleted') running.get(uid)?.abort()
      else if (change.type === 'added' && object.status?.phase === undefined) waiting.push(object)
      else if (change.type === 'added' && object.status?.phase === 'Running')
        // The lab ended in the middle of it: it may have been sent.
        void write(object, { ...object.status, phase: 'Failed', reason: 'it was interrupted: make another one' })
      start()
    },
  })

  function start(): void {
    while (running.size < atOnce) {
      const next = waiting.shift()
      if (!next) return
      const { uid = '' } = next.metadata
      const stop = new AbortController()
      running.set(uid, stop)
      void answer(next, stop.signal).finally(() => {
        running.delete(uid)
        start()
      })
    }
  }

  async function answer(object: TraceObject, signal: AbortSignal): Promise<void> {
    const startTime = now()
    if (!(await write(object, { phase: 'Running', startTime }))) return
    // What is refused at once is a reason like any other, and not the end of the lab.
    const sent = async (): Promise<Trace> => trace(wishOf(object), signal)
    const status = await sent().then(
      (told) => statusOf(told, startTime, now()),
      (error: unknown): TraceObjectStatus => ({
        phase: 'Failed',
        startTime,
        completionTime: now(),
        reason: messageOf(error),
      }),
    )
    await write(object, status)
  }

  /** false when the object is gone. */
  async function write({ metadata: { name, namespace } }: TraceObject, status: TraceObjectStatus): Promise<boolean> {
    try {
      await client.patch('Trace', name, namespace, { status }, 'status')
      return true
    } catch (error) {
      const gone = error instanceof ApiError && error.code === 404
      log[gone ? 'debug' : 'warn']({ name, namespace, error: messageOf(error) }, 'a trace’s status was not written')
      return false
    }
  }
}

function now(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z')
}
