import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Netns } from '../kernel/netns.ts'
import { deleteLink, deleteLinkGroup, type LinkRef, setLink } from '../kernel/rtnetlink/link.ts'
import { openRouteSocket, type RouteSocket } from '../kernel/rtnetlink/socket.ts'

/** Marks cut cables; whatever carries it is as good as deleted. */
const deadGroup = 0x6b6f70

/**
 * Deletes cables without making anyone wait. Deleting a link takes the kernel some 20 ms of grace periods, however little it is;
 * so a cable is first cut (down, off the bridge: 0.3 ms), marked, and all that are marked are deleted together, off the main thread.
 */
export interface Reaper {
  /** The link is off the network when this returns, and deleted soon; `gone` is called then. */
  reap(link: LinkRef, gone: () => void): void
  /** Is something marked but not yet deleted? */
  pending(): boolean
  /** Waits until nothing marked is left: when a name is needed again at once, and at the start. */
  finish(): void
  close(): void
}

/** Deletes cables at once and all together, and waits; those that are gone already are fine. */
export function deleteCables(socket: RouteSocket, names: readonly string[]): void {
  socket.ensure(
    ...names.map((name) => ({ ...setLink(name, { up: false, group: deadGroup }), already: 'ENODEV' })),
    deleteLinkGroup(deadGroup),
  )
}

/** Deletes one cable, and waits; or, within {@link deletingLater}, cuts it. Fine when it is gone already. */
export function deleteCable(socket: RouteSocket, name: string): void {
  if (later === undefined) socket.ensure(deleteLink(name))
  else later.reap(name, () => {})
}

/** Lends the reaper to a synchronous body: whoever waits for it does not wait for the kernel. */
export function deletingLater<T>(reaper: Reaper, body: () => T): T {
  const before = later
  later = reaper
  try {
    return body()
  } finally {
    later = before
  }
}
let later: Reaper | undefined

/** Deletes what was cut and is not yet deleted, perhaps by a process that was killed; waits for whoever is doing so. */
export function deleteCut(socket: RouteSocket): void {
  socket.ensure(deleteLinkGroup(deadGroup))
}

/** `socket` is for cutting; deleting has one of its own. */
export function openReaper(socket: RouteSocket, ns: Netns | undefined, log: Log): Reaper {
  const own = openRouteSocket(ns)
  let waiting: (() => void)[] = []
  let running: Promise<void> | undefined
  let closed = false

  const run = async (): Promise<void> => {
    // Those that are cut in the same turn of the event loop die together.
    await new Promise((resolve) => setImmediate(resolve))
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      try {
        await own.ensureLater(deleteLinkGroup(deadGroup))
      } catch (error) {
        log.error(
          { error: messageOf(error) },
          'cannot delete the cables of deleted pods; the next deletion tries again',
        )
      }
      for (const gone of batch) gone()
    }
    running = undefined
    if (closed) own.close()
  }

  return {
    reap(link, gone) {
      // Gone by itself when the pod's namespace ended a moment ago.
      socket.ensure({ ...setLink(link, { up: false, master: null, group: deadGroup }), already: 'ENODEV' })
      waiting.push(gone)
      running ??= run()
    },
    pending: () => running !== undefined,
    finish: () => deleteCut(socket),
    close() {
      closed = true
      if (!running) own.close()
    },
  }
}
