import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { Container } from '../../api/objects/pod.ts'
import type { Ending } from '../record.ts'

/** As much as a termination message may have, and as many lines of a log (k8s.io/api core/v1, TerminationMessagePolicy). */
const maxBytes = 4096
const maxLines = 80

/** What the container left in its termination message file, or the end of its log if it asked for that and failed. */
export function endingMessage(ending: Ending, container: Container, terminationLog: string, log: string): string {
  const message = tailOf(terminationLog)
  if (message !== '' || ending.exitCode === 0) return message
  if (container.terminationMessagePolicy !== 'FallbackToLogsOnError') return ending.message ?? ''
  const lines = tailOf(log).split('\n').slice(-maxLines)
  return lines.map((line) => line.replace(/^\S+ (stdout|stderr) [PF] /, '')).join('\n')
}

/** A file's last bytes; one that is not there is empty. The container wrote it, so it is not trusted to be short. */
function tailOf(path: string): string {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return '' // it was never made
  }
  try {
    const buffer = Buffer.alloc(maxBytes)
    const start = Math.max(0, fstatSync(fd).size - maxBytes)
    return buffer.subarray(0, readSync(fd, buffer, 0, maxBytes, start)).toString('utf8')
  } finally {
    closeSync(fd)
  }
}
