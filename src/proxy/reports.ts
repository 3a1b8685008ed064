import { type Client, keyOf } from '../api/client/client.ts'
import type { KubeObject } from '../api/objects/meta.ts'
import type { Log } from '../base/log.ts'
import type { Problem } from './portion.ts'

/** Says what cannot be obeyed: as an event on the object concerned, once, until something about it changes. */
export interface Reports {
  /** All problems of something now; none takes back what was said. `about` tells one matter from another; `reason` is the event's, NotServed when left out. */
  say(about: string, problems: readonly Problem[], reason?: string): void
  event(object: KubeObject, reason: string, say: string): void
  /** How many matters are open. */
  readonly open: number
}

export function openReports(client: Pick<Client, 'event'>, log: Log): Reports {
  const told = new Map<string, string>()
  return {
    get open() {
      return told.size
    },
    say(about, problems, reason = 'NotServed') {
      if (problems.length === 0) {
        told.delete(about)
        return
      }
      const all = problems.map(({ say }) => say).join('\n')
      if (told.get(about) === all) return
      told.set(about, all)
      for (const { object, say } of problems) event(object, reason, say)
    },
    event,
  }

  function event({ apiVersion, kind, metadata }: KubeObject, reason: string, say: string): void {
    log.warn({ object: `${kind} ${keyOf({ metadata })}` }, say)
    const { namespace, name, uid } = metadata
    client.event(
      {
        apiVersion,
        kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
      },
      'Warning',
      reason,
      say,
    )
  }
}
