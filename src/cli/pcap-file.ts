import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs'
import { KubehopError, messageOf } from '../base/errors.ts'

/** Where a capture goes: a file that is there as a whole or not at all, or standard output. */
export interface PcapOutput {
  write(bytes: Uint8Array): void
  /** The file has its name from now on. */
  finish(): void
  /** What was written goes, unless it was finished. */
  close(): void
}

/**
 * `-` is standard output. A file is written beside its place under another name and renamed when it is whole, so that an older one is not lost to one that
 * broke off; only its owner may read it, for packets hold what programs say to each other.
 */
export function openPcap(path: string): PcapOutput {
  if (path === '-') return { write: (bytes) => void process.stdout.write(bytes), finish() {}, close() {} }
  const draft = `${path}.${process.pid}.part`
  const fd = orSay(path, () => openSync(draft, 'wx', 0o600))
  let open = true
  const shut = (): void => {
    if (open) closeSync(fd)
    open = false
  }
  let done = false
  return {
    write(bytes) {
      for (let at = 0; at < bytes.length; ) at += orSay(path, () => writeSync(fd, bytes, at))
    },
    finish() {
      shut()
      orSay(path, () => renameSync(draft, path))
      done = true
    },
    close() {
      shut()
      if (!done) rmSync(draft, { force: true })
    },
  }
}

function orSay<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw new KubehopError(
      'trace',
      'write the capture',
      'CannotWrite',
      `${path} cannot be written: ${messageOf(error)}`,
    )
  }
}
