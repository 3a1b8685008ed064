import { EINTR, close, declare, declareAsync, declareRaw, KernelError } from './libc.ts'

// Node cannot wait on packet sockets, netlink sockets or pidfds. One epoll set holds them all, and one thread of libuv's pool
// sleeps in epoll_wait while anything is watched; an eventfd wakes it when the set empties or the process exits (a thread that
// still sleeps there would keep process.exit from returning).

const O_CLOEXEC = 0o2000000
const EPOLLIN = 1
const EPOLL_CTL_ADD = 1
const EPOLL_CTL_DEL = 2
const eventSize = 12 // struct epoll_event is packed on x86-64: u32 events, u64 data
const maxEvents = 64

const epollCreate = declare<[number]>('int epoll_create1(int)')
const epollControl = declare<[number, number, number, Uint8Array | null]>('int epoll_ctl(int, int, int, void *)')
const epollWait = declareAsync<[number, Uint8Array, number, number]>('int epoll_wait(int, _Out_ void *, int, int)')
const eventfd = declare<[number, number]>('int eventfd(unsigned int, int)')
const writeRaw = declareRaw<[number, Uint8Array, number]>('long write(int, void *, unsigned long)')
const readRaw = declareRaw<[number, Uint8Array, number]>('long read(int, _Out_ void *, unsigned long)')

const watched = new Map<number, () => void>()
let epoll = -1
let wake = -1
let sleeping = false

/**
 * Calls `ready` whenever `fd` has something to read (level-triggered: read until EAGAIN, or it is called again).
 * The process stays alive while something is watched. Returns what ends the watching; the caller closes `fd` after that.
 */
export function whenReadable(fd: number, ready: () => void): () => void {
  open()
  const event = Buffer.alloc(eventSize)
  event.writeUInt32LE(EPOLLIN, 0)
  event.writeInt32LE(fd, 4)
  epollControl('watch a descriptor', epoll, EPOLL_CTL_ADD, fd, event)
  watched.set(fd, ready)
  if (!sleeping) void sleep()
  return () => {
    if (watched.get(fd) !== ready) return
    watched.delete(fd)
    epollControl('stop watching a descriptor', epoll, EPOLL_CTL_DEL, fd, null)
    if (watched.size === 0) ring()
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

async function sleep(): Promise<void> {
  sleeping = true
  const events = Buffer.alloc(eventSize * maxEvents)
  try {
    while (watched.size > 0) {
      const count = await epollWait(epoll, events, maxEvents, -1)
      if (count < 0) {
        // errno belongs to the pool's thread; the only failure an intact set has is an interrupted call.
        continue
      }
      for (let i = 0; i < count; i++) {
        const fd = events.readInt32LE(i * eventSize + 4)
        if (fd === wake) readRaw(wake, Buffer.alloc(8), 8)
        else watched.get(fd)?.()
      }
    }
  } finally {
    sleeping = false
  }
}

function open(): void {
  if (epoll >= 0) return
  epoll = epollCreate('make an epoll set', O_CLOEXEC)
  wake = eventfd('make an eventfd', 0, O_CLOEXEC)
  const event = Buffer.alloc(eventSize)
  event.writeUInt32LE(EPOLLIN, 0)
  event.writeInt32LE(wake, 4)
  epollControl('watch a descriptor', epoll, EPOLL_CTL_ADD, wake, event)
  process.once('exit', ring)
}

function ring(): void {
  const one = Buffer.alloc(8)
  one.writeBigUInt64LE(1n)
  const result = writeRaw(wake, one, 8)
  if (result < 0 && result !== -EINTR) throw new KernelError('wake the reactor', -result)
}

/** For tests: nothing may be left watched. */
export function watchedCount(): number {
  return watched.size
}
export { close }
