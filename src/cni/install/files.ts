import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { codeOf, KubehopError } from '../../base/errors.ts'

/** A file of ours in a folder of the container runtime's. */
export interface Target {
  readonly path: string
  /** Which option names its folder. */
  readonly option: '--bin-dir' | '--conf-dir'
  /** Was it written by us, and not changed since? */
  readonly isOurs: (file: Buffer) => boolean
}

/** What there is to do (`verb`), and that it can be done. `force`: whoever changed the file may lose it. Writes nothing. */
export function look(target: Target, force: boolean, verb: 'write' | 'remove'): Buffer | undefined {
  const { path, option, isOurs } = target
  const folder = dirname(path)
  const refused = (code: string, say: string): KubehopError => new KubehopError('cni', `${verb} ${path}`, code, say)
  const about = statSync(folder, { throwIfNoEntry: false })
  if (about === undefined)
    throw refused(
      'NoFolder',
      `there is no ${folder}: it comes with a container runtime; make it, or say another ${option}`,
    )
  if (!about.isDirectory()) throw refused('NoFolder', `${folder} is no folder: say another ${option}`)
  try {
    accessSync(folder, constants.W_OK | constants.X_OK)
  } catch (cause) {
    const readOnly = codeOf(cause) === 'EROFS'
    const say = readOnly
      ? `${folder} is on a file system that cannot be written to: say another ${option}`
      : `${folder} is not writable for this user: run as root, or say another ${option}`
    throw new KubehopError('cni', `${verb} ${path}`, readOnly ? 'ReadOnly' : 'NotWritable', say, { cause })
  }
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return undefined
  if (!found.isFile()) throw refused('NotAFile', 'something is there that is no file: remove it')
  const file = readFileSync(path)
  if (!force && !isOurs(file))
    throw refused(
      'Changed',
      `it is not ours, or somebody changed it since${verb === 'remove' ? ', so nothing was removed' : ''}: keep what you need of it, then --force`,
    )
  return file
}

/** It appears whole, or is as it was; also when the machine stops. */
export function replace(path: string, bytes: Uint8Array, mode: number): void {
  const temporary = `${temporaryOf(path)}${process.pid}`
  try {
    const fd = openSync(temporary, 'w', mode)
    try {
      writeFileSync(fd, bytes)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(temporary, path)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  settle(dirname(path))
}

/** Removes what an install that was killed left beside `path`. One that is still at work, by its process number, keeps its own. */
export function sweep(path: string): void {
  const start = basename(temporaryOf(path))
  for (const name of readdirSync(dirname(path))) {
    const pid = name.startsWith(start) ? name.slice(start.length) : ''
    if (/^[1-9]\d*$/.test(pid) && !isAtWork(Number(pid))) rmSync(join(dirname(path), name), { force: true })
  }
}

/** The number of the process that writes follows. Runtimes read by the ending of a name, and not this one. */
function temporaryOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.`)
}

/** Our own number can only be that of somebody before us: we have written nothing yet. */
function isAtWork(pid: number): boolean {
  return pid !== process.pid && existsSync(`/proc/${pid}`)
}

export function remove(path: string): void {
  unlinkSync(path)
  settle(dirname(path))
}

function settle(folder: string): void {
  const fd = openSync(folder, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
