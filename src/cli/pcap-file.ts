import { closeSync, constants, openSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
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
 * broke off; only its owner may read it, for packets hold what programs say to each other. A symbolic link stays one. Devices and pipes are
 * written as they are: a file in the place of /dev/null would be everybody's loss.
 */
export function openPcap(path: string): PcapOutput {
  if (path === '-') return { write: (bytes) => void process.stdout.write(bytes), finish() {}, close() {} }
  if (path === '') throw cannotWrite('""', 'name a file, or - for standard output')
  const there = orSay(path, () => statSync(path, { throwIfNoEntry: false }))
  if (there?.isDirectory()) throw cannotWrite(path, 'it is a directory: name a file in it')
  if (there && !there.isFile()) return toDevice(path)
  const file = there ? orSay(path, () => realpathSync(path)) : path
  const draft = `${file}.${process.pid}.part`
  const fd = orSay(path, () => openSync(draft, 'wx', 0o600))
  let open = true
  const shut = (): void => {
    if (open) closeSync(fd)
    open = false
  }
  let done = false
  return {
    write: (bytes) => writeAll(path, fd, bytes),
    finish() {
      shut()
      orSay(path, () => renameSync(draft, file))
      done = true
    },
    close() {
      shut()
      if (!done) rmSync(draft, { force: true })
    },
  }
}

function toDevice(path: string): PcapOutput {
  const fd = orSay(path, () => openSync(path, constants.O_WRONLY))
  return {
    write: (bytes) => writeAll(path, fd, bytes),
    finish() {},
    close: () => closeSync(fd),
  }
}

function writeAll(path: string, fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += orSay(path, () => writeSync(fd, bytes, at))
}

function orSay<T>(path: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    // Under which name it is written until it is whole is nobody's business.
    throw cannotWrite(path, messageOf(error).replace(/\.\d+\.part(?=')/, ''))
  }
}

function cannotWrite(path: string, why: string): KubehopError {
  return new KubehopError('trace', 'write the capture', 'CannotWrite', `${path} cannot be written: ${why}`)
}
