import koffi from 'koffi'
import { declare, declareRaw, EINTR, KernelError } from './libc.ts'

// Node cannot wait on packet sockets, netlink sockets or pidfds. One epoll set holds them all, and Node's own loop waits for the set
// (an epoll set is itself readable when something in it is). No thread sleeps for it: one would keep the process from exiting.

const O_CLOEXEC = 0o2000000
const EPOLLIN = 1
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const eventSize = 12 // struct epoll_event is packed on x86-64: u32 events, u64 data
const maxEvents = 64

const epollCreate = declare<[number]>('int epoll_create1(int)')
const epollControl = declare<[number, number, number, Uint8Array | null]>('int epoll_ctl(int, int, int, void *)')
const epollWait = declareRaw<[number, Uint8Array, number, number]>('int epoll_wait(int, _Out_ void *, int, int)')

/**
 * By a number that is never used again. A descriptor's number is: what was said of a descriptor that its owner has closed meanwhile
 * must not reach the next one that the kernel gave the same number.
 */
const watched = new Map<bigint, () => void>()
let last = 0n
let set: Opened | undefined
let due = false
const events = Buffer.alloc(eventSize * maxEvents)

/**
 * Calls `ready` whenever `fd` has something to read (level-triggered: read until EAGAIN, or it is called again).
 * The process stays alive while something is watched. Returns what ends the watching; the caller closes `fd` after that.
 */
export function whenReadable(fd: number, ready: () => void): () => void {
  const { fd: epoll, poll } = (set ??= open())
  const id = ++last
  const event = Buffer.alloc(eventSize)
  event.writeUInt32LE(EPOLLIN, 0)
  event.writeBigUInt64LE(id, 4)
  epollControl('watch a descriptor', epoll, EPOLL_CTL_ADD, fd, event)
  watched.set(id, ready)
  poll.ref()
  return () => {
    if (!watched.delete(id)) return
    if (watched.size === 0) poll.unref()
    epollControl('stop watching a descriptor', epoll, EPOLL_CTL_DEL, fd, null)
  }
}

/** Resolves once `fd` is readable: a pidfd becomes so when its process ends. */
export function readableOnce(fd: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = whenReadable(fd, () => {
      stop()
      resolve()
    })
  })
}

interface Opened {
  readonly fd: number
  readonly poll: ReturnType<typeof koffi.node.poll>
}

function open(): Opened {
  const fd = epollCreate('make an epoll set', O_CLOEXEC)
  // The handle calls from outside of Node's bookkeeping: promises and errors are looked after only in what Node calls itself.
  const poll = koffi.node.poll(fd, { readable: true }, () => {
    if (due) return
    due = true
    setImmediate(dispatch, fd)
  })
  poll.unref()
  return { fd, poll }
}

/** What does not fit in one go, or comes after a callback that threw, is readable still: the loop comes back for it. */
function dispatch(epoll: number): void {
  due = false
  const count = epollWait(epoll, events, maxEvents, 0)
  if (count < 0 && count !== -EINTR) throw new KernelError('wait for descriptors', -count)
  for (let i = 0; i < count; i++) watched.get(events.readBigUInt64LE(i * eventSize + 4))?.()
}

/** For tests: nothing may be left watched. */
export function watchedCount(): number {
  return watched.size
}
