import { mkdirSync, statSync, writeFileSync, type Stats } from 'node:fs'
import { KubehopError } from '../../base/errors.ts'

/** Checks what a hostPath volume's type promises, and makes what it says to make. Returns whether it is a directory. */
export function prepareHostPath(path: string, type: string): boolean {
  if (!path.startsWith('/') || path.includes('\0') || path.split('/').includes('..'))
    throw refusal(`path ${JSON.stringify(path)} must be absolute and without ".."`)
  if (type === 'DirectoryOrCreate') mkdirSync(path, { recursive: true, mode: 0o755 })
  if (type === 'FileOrCreate' && !find(path)) writeFileSync(path, '', { mode: 0o644, flag: 'wx' })
  const found = find(path)
  if (!found) throw refusal(`${checked(type)}${path} does not exist on this machine: ${remedyFor(type)}`)
  const check = Object.hasOwn(checks, type) ? checks[type] : undefined
  if (!check) throw refusal(`unknown type ${JSON.stringify(type)}`)
  const [say, holds] = check
  if (!holds(found)) throw refusal(`hostPath type check failed: ${path} is not a ${say}`)
  return found.isDirectory()
}

const checks: Partial<Record<string, [string, (stat: Stats) => boolean]>> = {
  '': ['thing', () => true],
  Directory: ['directory', (stat) => stat.isDirectory()],
  DirectoryOrCreate: ['directory', (stat) => stat.isDirectory()],
  File: ['file', (stat) => stat.isFile()],
  FileOrCreate: ['file', (stat) => stat.isFile()],
  Socket: ['socket file', (stat) => stat.isSocket()],
  CharDevice: ['character device', (stat) => stat.isCharacterDevice()],
  BlockDevice: ['block device', (stat) => stat.isBlockDevice()],
}

/** Kubelet's words, where a type was given that could be wrong. */
function checked(type: string): string {
  return type === '' ? '' : 'hostPath type check failed: '
}

function remedyFor(type: string): string {
  if (type === '') return 'make it, or give the hostPath the type DirectoryOrCreate (or FileOrCreate)'
  if (type === 'Directory' || type === 'File') return `make it, or give the hostPath the type ${type}OrCreate`
  return 'start what makes it, or correct the path'
}

function find(path: string): Stats | undefined {
  return statSync(path, { throwIfNoEntry: false })
}

function refusal(say: string): KubehopError {
  return new KubehopError('pod', 'volume', 'FailedMount', say)
}
