import { closeSync } from 'node:fs'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { whenReadable } from '../../kernel/reactor.ts'
import { acceptUnix, type UnixPeer } from '../../kernel/unix-peer.ts'

/** More wait to be taken; a launcher whose time runs out goes its own way. */
const most = 64
/** Until the next try when no connection can be taken: the system has no more descriptors, perhaps. */
const tryAgainMs = 1000

/** Takes those who connect. */
export interface Door {
  /** Takes nobody any more; resolves when the last one has left. */
  close(): Promise<void>
}

/** `enter` has the peer's descriptor, and calls `left` once when that is closed. Others than root and this process's own user are sent away. */
export function openDoor(listening: number, enter: (peer: UnixPeer, left: () => void) => void, log: Log): Door {
  let inside = 0
  let ignore: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined
  let closed = false
  const empty = Promise.withResolvers<void>()

  const listen = (): void => {
    if (!closed) ignore ??= whenReadable(listening, take)
  }
  const rest = (): void => {
    ignore?.()
    ignore = undefined
  }
  const leave = (): void => {
    inside--
    if (closed && inside === 0) empty.resolve()
    listen()
  }
  function take(): void {
    try {
      while (inside < most) {
        const peer = acceptUnix(listening)
        if (peer === undefined) return
        const reason = unwanted(peer)
        if (reason === undefined) {
          inside++
          enter(peer, leave)
        } else {
          closeSync(peer.fd)
          log.warn({ pid: peer.pid, uid: peer.uid }, reason)
        }
      }
    } catch (error) {
      log.error({ error: messageOf(error) }, 'cannot take a connection; trying again in a second')
      timer = setTimeout(listen, tryAgainMs)
    }
    rest()
  }
  listen()

  return {
    close() {
      closed = true
      clearTimeout(timer)
      rest()
      if (inside === 0) empty.resolve()
      return empty.promise
    },
  }
}

function unwanted({ pid, uid }: UnixPeer): string | undefined {
  if (uid !== 0 && uid !== process.geteuid?.()) return 'sent away another user'
  if (pid > 0) return undefined
  return 'sent away a process of a PID namespace that cannot be seen from here: run the agent in that of the runtime'
}
