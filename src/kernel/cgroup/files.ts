import { closeSync, constants, type Dirent, openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Empty when it is gone. */
export function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (isGone(error)) return ''
    throw error
  }
}

export function pidsIn(dir: string): number[] {
  // 0 stands for a process that this PID namespace does not see.
  return textOf(join(dir, 'cgroup.procs')).split('\n').map(Number).filter(Boolean)
}

export function entriesOf(dir: string): Dirent[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/** False when there is no such file: an older kernel, another controller, or the group is gone. */
export function writeIfThere(file: string, text: string): boolean {
  let fd = -1
  try {
    // Without O_CREAT, which these file systems refuse in words of their own; some of the files can only be written.
    fd = openSync(file, constants.O_WRONLY)
    writeSync(fd, text)
    return true
  } catch (error) {
    if (isGone(error)) return false
    throw error
  } finally {
    if (fd >= 0) closeSync(fd)
  }
}

/** ENODEV: the group was removed while its file was open. */
export function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes(codeOf(error))
}

export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}
