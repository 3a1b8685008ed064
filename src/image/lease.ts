import { closeSync } from 'node:fs'

/** Holds an image's layers for a container. */
export interface Lease extends Disposable {
  /**
   * Shared by flock(2): whichever process inherits it (a container's first one) holds the layers as long as it runs, also when this process is killed. Not
   * inherited unless it is passed on.
   */
  readonly fd: number
}

export function leaseOf(fd: number): Lease {
  let open = true
  return {
    fd,
    [Symbol.dispose]() {
      if (open) closeSync(fd)
      open = false
    },
  }
}
