import { closeSync, lstatSync, rmdirSync, statSync, unlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { codeOf, KubehopError, messageOf } from '../../base/errors.ts'
import { tryLockFolder } from '../../kernel/lock.ts'
import { listenUnix, longestSocketPath } from '../../kernel/unix-peer.ts'

export const defaultSocket = '/run/kubehop/cni/agent.sock'

/** The right to answer at a path, which one process has. */
export interface Claim {
  /** A listening descriptor; a socket that a killed agent left is taken over. The caller does not close it. */
  listen(): number
  /** Nobody new can connect; who waits to be taken is sent away. */
  leave(): void
  /** Another one may have it. */
  release(): void
}

/** The folder is made when it is missing, for this process's user alone. Throws when another agent is there. */
export function claimSocket(path: string): Claim {
  const folder = dirname(path)
  const lockPath = join(folder, `.${basename(path)}.lock`)
  if (Buffer.byteLength(path) > longestSocketPath)
    throw refused(path, 'PathTooLong', `a socket's path has ${longestSocketPath} bytes at most`)
  const lock = lockAt(path, lockPath)
  if (lock === undefined)
    throw refused(path, 'AlreadyRunning', 'another agent answers there: end it first, or choose another --socket')
  const release = (): void => {
    rmdirSync(lockPath)
    lock[Symbol.dispose]()
  }
  let listening: number | undefined
  try {
    needPrivate(path, folder)
    return {
      listen() {
        removeStale(path)
        return (listening = listenUnix(path))
      },
      leave() {
        if (listening === undefined) return
        unlinkSync(path)
        closeSync(listening)
        listening = undefined
      },
      release,
    }
  } catch (error) {
    release()
    throw error
  }
}

function lockAt(path: string, lockPath: string): Disposable | undefined {
  try {
    return tryLockFolder(lockPath, 0o700)
  } catch (cause) {
    if (!(cause instanceof Error) || codeOf(cause) === undefined) throw cause
    const say = `cannot make its folder (${messageOf(cause)}): run as root, or choose another --socket`
    throw new KubehopError('cni', `answer at ${path}`, 'NoFolder', say, { cause })
  }
}

/** Whoever can write there could answer in our place. */
function needPrivate(path: string, folder: string): void {
  const { uid, mode } = statSync(folder)
  if ((uid === 0 || uid === process.geteuid?.()) && (mode & 0o022) === 0) return
  throw refused(path, 'NotPrivate', `others can write to ${folder}: it must be this user's alone (mode 0700)`)
}

function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw refused(path, 'NotASocket', 'something is there that is no socket: remove it')
  unlinkSync(path)
}

function refused(path: string, code: string, say: string): KubehopError {
  return new KubehopError('cni', `answer at ${path}`, code, say)
}
