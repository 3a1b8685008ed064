import { closeSync, fstatSync, openSync, stat, statSync } from 'node:fs'
import { declareRaw, errnoOf, KernelError } from './libc.ts'

// setns(2) and unshare(2) move only the calling thread, and everything here is synchronous: between leaving the namespace and
// coming back no other JavaScript runs, so nothing else ever sees the thread elsewhere.

const CLONE_NEWNET = 0x40000000
/** Path of the namespace that the calling thread is in. */
export const ownNetns = '/proc/thread-self/ns/net'
const EPERM = errnoOf('EPERM')

const unshareRaw = declareRaw<[number]>('int unshare(int)')
const setnsRaw = declareRaw<[number, number]>('int setns(int, int)')

/** A network namespace, held by a descriptor: it lives at least until `close`. */
export interface Netns extends Disposable {
  readonly fd: number
  /** Idempotent. */
  close(): void
}

/** A new, empty network namespace (one `lo`, down). Nothing but the descriptor keeps it; the thread stays where it is. */
export function createNetns(): Netns {
  keepPoolHome()
  const back = openSync(ownNetns, 'r')
  try {
    const result = unshareRaw(CLONE_NEWNET)
    if (result < 0)
      throw new KernelError('make a network namespace', -result, result === -EPERM ? needRights : undefined)
    try {
      return held(openSync(ownNetns, 'r'))
    } finally {
      enter(back, 'come back from a new network namespace')
    }
  } finally {
    closeSync(back)
  }
}

/** The namespace behind a path such as `/proc/4711/ns/net`. */
export function openNetns(path: string): Netns {
  return held(openSync(path, 'r'))
}

/** The namespace that the calling thread is in. */
export function currentNetns(): Netns {
  return openNetns(ownNetns)
}

/** Takes over a descriptor of a network namespace: closing the result closes it. */
export function netnsOf(fd: number): Netns {
  return held(fd)
}

/**
 * Runs `body` with this thread inside `ns`, and comes back even when it throws. Sockets made and processes spawned by the
 * body belong to `ns` for good. `body` must be synchronous: after an `await` it would run outside.
 */
export function inNetns<T>(ns: Netns | undefined, body: () => T): T {
  if (ns === undefined) return body()
  keepPoolHome()
  const back = openSync(ownNetns, 'r')
  try {
    enter(ns.fd, 'enter a network namespace')
    let result: T
    try {
      result = body()
    } finally {
      enter(back, 'come back from a network namespace')
    }
    if (result instanceof Promise) throw new TypeError('kernel: the body of inNetns must be synchronous')
    return result
  } finally {
    closeSync(back)
  }
}

/**
 * A thread is born in its maker's namespace, and libuv makes the threads of its pool at the first asynchronous call. Were that inside
 * a body, name look-ups and file reads of the whole process would happen in that namespace ever after.
 */
function keepPoolHome(): void {
  if (pooled) return
  pooled = true
  stat('/', () => {})
}
let pooled = false

/** Whether two descriptors or paths hold one and the same namespace. */
export function sameNetns(a: Netns | string, b: Netns | string): boolean {
  const [one, other] = [identity(a), identity(b)]
  return one.ino === other.ino && one.dev === other.dev
}

/** Names a namespace for as long as it is there: `4:4026531840`, device and inode. Numbers of namespaces that are gone come again. */
export function netnsId(ns: Netns | string): string {
  const { ino, dev } = identity(ns)
  return `${dev}:${ino}`
}

const needRights =
  'CAP_SYS_ADMIN is missing: run as root, or as an ordinary user inside `unshare --user --map-root-user --net --mount`'

function enter(fd: number, op: string): void {
  const result = setnsRaw(fd, CLONE_NEWNET)
  if (result < 0) throw new KernelError(op, -result, result === -EPERM ? needRights : undefined)
}

function held(fd: number): Netns {
  let open = true
  const close = (): void => {
    if (!open) return
    open = false
    closeSync(fd)
  }
  return {
    get fd() {
      if (!open) throw new TypeError('kernel: this network namespace was closed')
      return fd
    },
    close,
    [Symbol.dispose]: close,
  }
}

function identity(of: Netns | string): { ino: bigint; dev: bigint } {
  return typeof of === 'string' ? statSync(of, { bigint: true }) : fstatSync(of.fd, { bigint: true })
}
