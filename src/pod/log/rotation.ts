import { renameSync, rmSync, type Stats, statSync } from 'node:fs'

/** As kubelet's containerLogMaxSize and containerLogMaxFiles: an instance of a container takes five times this of the disk at most. */
export const rotateAt: number = 10 * 1024 * 1024
const maxFiles = 5

/** Puts a log aside as `.1`, the one before as `.2` and so on; the oldest goes. */
export function rotate(path: string): void {
  for (let number = maxFiles - 1; number > 0; number--) {
    const from = number === 1 ? path : aside(path, number - 1)
    if (sizeOf(from) !== undefined) renameSync(from, aside(path, number))
  }
}

export interface LogFile {
  path: string
  /** {@link identityOf} */
  id: string
  /** In bytes, now. */
  size: number
}

/** The files of a log that are there, oldest first. Synchronous: no rotation of this process comes in between. */
export function filesOf(path: string): LogFile[] {
  const files: LogFile[] = []
  for (let number = maxFiles - 1; number >= 0; number--) {
    const one = number === 0 ? path : aside(path, number)
    const stat = sizeOf(one)
    if (stat) files.push({ path: one, id: identityOf(stat), size: stat.size })
  }
  return files
}

/** The number of a file alone is no identity: after five rotations that of the first file is given to the newest. */
export function identityOf({ ino, birthtimeMs }: Stats): string {
  return `${ino}-${Math.trunc(birthtimeMs * 1000)}`
}

export function removeLog(path: string): void {
  for (const file of filesOf(path)) rmSync(file.path)
}

function aside(path: string, number: number): string {
  return `${path}.${number}`
}

function sizeOf(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}
