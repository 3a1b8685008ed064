import { closeSync, readlinkSync } from 'node:fs'
import { type Netns, openNetns, sameNetns } from '../../kernel/netns.ts'
import { openInRoot } from '../../kernel/unix-peer-root.ts'

/** Where the one who asks is, as far as that is somewhere else than this process. Valid while it lives. */
export interface Place extends Disposable {
  /** Its network namespace: the node that is meant. undefined: this process's own. */
  readonly netns: Netns | undefined
  /** Its root folder, when its files are others than ours (a runtime outside of the agent's container, or the other way round). */
  readonly root: string | undefined
  /** A path of this process for what the asker calls `path`. Throws when it is not there. */
  see(path: string): { readonly path: string; close(): void }
}

/** Of the process with this number, which must be known to be there still when this returns: numbers are given again. */
export function placeOf(pid: number): Place {
  const own = `/proc/${pid}`
  const root = isOurs(own, 'ns/mnt') && isOurs(own, 'root') ? undefined : `${own}/root`
  const netns = sameNetns(`${own}/ns/net`, '/proc/self/ns/net') ? undefined : openNetns(`${own}/ns/net`)
  return {
    netns,
    root,
    see(path) {
      const seen = ofProcess(path, pid)
      // What /proc has is the same for all who see one.
      if (root === undefined || seen.startsWith('/proc/')) return { path: seen, close: () => {} }
      const fd = openInRoot(root, seen)
      return { path: `/proc/${process.pid}/fd/${fd}`, close: () => closeSync(fd) }
    },
    [Symbol.dispose]: () => netns?.close(),
  }
}

function isOurs(process: string, link: string): boolean {
  return readlinkSync(`${process}/${link}`) === readlinkSync(`/proc/self/${link}`)
}

/** Paths that mean another file for each process. */
function ofProcess(path: string, pid: number): string {
  if (!path.startsWith('/')) return `/proc/${pid}/cwd/${path}`
  return path
    .replace(/^\/proc\/self(?=\/)/, `/proc/${pid}`)
    .replace(/^\/proc\/thread-self(?=\/)/, `/proc/${pid}/task/${pid}`)
}
