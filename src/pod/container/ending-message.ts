import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { Container } from '../../api/objects/pod.ts'
import type { Ending } from '../record.ts'

/** As much as a termination message may have (k8s.io/kubernetes/pkg/kubelet/container, MaxContainerTerminationMessageLength). */
const maxBytes = 4096
/** As much of a log as stands for one, whichever is less (…LogLength, …LogLines). */
const maxLogBytes = 2048
const maxLogLines = 80
/** Of the log's file: two of its longest entries, so that there is always the beginning of one. */
const maxFileBytes = 40 * 1024
const entryHead = /^\S+ (?:stdout|stderr) (?<tag>[PF]) /

/** What the container left in its termination message file, or the end of its log if it asked for that and failed. */
export function endingMessage(ending: Ending, container: Container, terminationLog: string, log: string): string {
  const message = tailOf(terminationLog, maxBytes)
  if (message !== '' || ending.exitCode === 0) return message
  if (container.terminationMessagePolicy !== 'FallbackToLogsOnError') return ending.message ?? ''
  return endOfLog(tailOf(log, maxFileBytes)) || (ending.message ?? '')
}

/** The end of what was printed, from the end of a file in the CRI format. */
function endOfLog(text: string): string {
  let printed = ''
  // What is not an entry is the rest of one that was cut off.
  for (const line of text.split('\n')) {
    const head = entryHead.exec(line)
    if (head) printed += `${line.slice(head[0].length)}${head.groups?.['tag'] === 'P' ? '' : '\n'}`
  }
  const lines = printed
    .split('\n')
    .slice(-maxLogLines - 1)
    .join('\n')
  return decode(Buffer.from(lines).subarray(-maxLogBytes))
}

/** A file's last bytes; one that is not there is empty. The container wrote it, so it is not trusted to be short. */
function tailOf(path: string, most: number): string {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return '' // it was never made
  }
  try {
    const buffer = Buffer.alloc(most)
    const start = Math.max(0, fstatSync(fd).size - most)
    return decode(buffer.subarray(0, readSync(fd, buffer, 0, most, start)))
  } finally {
    closeSync(fd)
  }
}

/** Text whose beginning was cut off, perhaps inside of a character. */
function decode(bytes: Buffer): string {
  let start = 0
  while (start < 3 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start++
  return bytes.subarray(start).toString('utf8')
}
