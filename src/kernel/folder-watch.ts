import { closeSync } from 'node:fs'
import { declareRaw, EAGAIN, EINTR, KernelError } from './libc.ts'

// inotify(7). The kernel queues an event within the system call that changes a folder: whoever looks after it sees it, whichever process it was.

const IN_CLOSE_WRITE = 0x8
const IN_MOVED_FROM = 0x40
const IN_MOVED_TO = 0x80
const IN_CREATE = 0x100
const IN_DELETE = 0x200
const IN_MOVE_SELF = 0x800
const IN_UNMOUNT = 0x2000
const IN_Q_OVERFLOW = 0x4000
const IN_IGNORED = 0x8000
const IN_ONLYDIR = 0x1000000
const IN_NONBLOCK = 0o4000
const IN_CLOEXEC = 0o2000000
const headerSize = 16

const inotifyInit = declareRaw<[number]>('int inotify_init1(int)')
const inotifyAdd = declareRaw<[number, string, number]>('int inotify_add_watch(int, const char *, unsigned int)')
const inotifyRemove = declareRaw<[number, number]>('int inotify_rm_watch(int, int)')
const read = declareRaw<[number, Uint8Array, number]>('long read(int, _Out_ void *, unsigned long)')

/** What happened to one name in a folder: it came or its content was written (`there`), or it went. */
export interface FolderChange {
  readonly folder: number
  readonly name: string
  readonly there: boolean
}

/** What changes in some folders, asked for without waiting. Not below them. */
export interface FolderWatch extends Disposable {
  /** A number for the folder; the same one when it is watched already. Throws a KernelError: ENOENT, ENOTDIR, ENOSPC (too many). */
  add(path: string): number
  /** Fine when it is not watched any more. */
  remove(folder: number): void
  /**
   * All that has happened since the last time, in order. `ended`: folders that were removed, moved or unmounted, and are not watched any more.
   * `lost`: more happened than the kernel keeps, somewhere.
   */
  changes(): { changes: FolderChange[]; ended: number[]; lost: boolean }
}

/** Throws a KernelError: EMFILE when this user has too many (fs.inotify.max_user_instances). */
export function openFolderWatch(): FolderWatch {
  const fd = inotifyInit(IN_NONBLOCK | IN_CLOEXEC)
  if (fd < 0) throw new KernelError('watch folders', -fd)
  let open = true
  const remove = (folder: number): void => void inotifyRemove(fd, folder)
  return {
    add(path) {
      const mask = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_MOVE_SELF | IN_ONLYDIR
      const folder = inotifyAdd(fd, path, mask)
      if (folder < 0) throw new KernelError(`watch ${path}`, -folder)
      return folder
    },
    remove,
    changes() {
      const changes: FolderChange[] = []
      const ended: number[] = []
      let lost = false
      for (const { folder, mask, name } of events(fd)) {
        if (mask & IN_Q_OVERFLOW) lost = true
        // A moved folder would still tell of itself, though its path is another's.
        else if (mask & IN_MOVE_SELF) remove(folder)
        else if (mask & (IN_IGNORED | IN_UNMOUNT)) ended.push(folder)
        else if (name !== '') changes.push({ folder, name, there: (mask & (IN_DELETE | IN_MOVED_FROM)) === 0 })
      }
      return { changes, ended, lost }
    },
    [Symbol.dispose]() {
      if (open) closeSync(fd)
      open = false
    },
  }
}

const inbox = new Uint8Array(64 * 1024)
const decoder = new TextDecoder()

/** struct inotify_event: i32 wd, u32 mask, u32 cookie, u32 len, then the name, padded with zeros. */
function* events(fd: number): Generator<{ folder: number; mask: number; name: string }> {
  for (;;) {
    const length = read(fd, inbox, inbox.length)
    if (length === -EINTR) continue
    if (length === -EAGAIN) return
    if (length < 0) throw new KernelError('read what changed in folders', -length)
    const view = new DataView(inbox.buffer, 0, length)
    for (let at = 0; at < length; ) {
      const size = view.getUint32(at + 12, true)
      const bytes = inbox.subarray(at + headerSize, at + headerSize + size)
      const end = bytes.indexOf(0)
      yield {
        folder: view.getInt32(at, true),
        mask: view.getUint32(at + 4, true),
        name: decoder.decode(end < 0 ? bytes : bytes.subarray(0, end)),
      }
      at += headerSize + size
    }
  }
}
