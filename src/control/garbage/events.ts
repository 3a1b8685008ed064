import { keyOf } from '../../api/client/client.ts'
import type { Event } from '../../api/objects/simple.ts'
import { nothing, remove } from '../action.ts'
import { timeOf } from '../clock.ts'
import type { Loop } from '../loop.ts'

/** As kube-apiserver's --event-ttl: after that, what happened is history. */
const eventLifeMs = 3_600_000

/** Deletes events an hour after they happened last. */
export const oldEvents: Loop = {
  name: 'old-events',
  wakes: { Event: ({ type, object }) => (type === 'deleted' ? [] : [keyOf(object)]) },
  desired(key, view, now) {
    const event = view.get('Event', key)
    if (!event) return nothing
    const left = lastSeen(event) + eventLifeMs - now
    return left > 0 ? { actions: [], again: left } : { actions: [remove(event)] }
  },
}

function lastSeen({ lastTimestamp, firstTimestamp, metadata }: Event): number {
  return timeOf(lastTimestamp) || timeOf(firstTimestamp) || timeOf(metadata.creationTimestamp)
}
