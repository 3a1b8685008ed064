import type { Readable } from 'node:stream'
import { KubehopError } from '../../base/errors.ts'
import type { Terminal } from '../../kernel/terminal.ts'
import type { LogWriter } from '../log/writer.ts'
import type { Execution } from './exec.ts'
import type { PipeInput } from './input.ts'
import { terminalInput } from './terminal-stream.ts'

/** One client of a container's own streams. `exit` is 0 when the container has ended; `kill` lets the client go, and the container goes on. */
export type Attachment = Execution

export interface AttachInput {
  writer: LogWriter
  terminal: Terminal | undefined
  /** Undefined when the client sends nothing, or the container takes nothing. */
  input: PipeInput | undefined
}

const lingerMs = 500

/** What a container prints from now on, and what it is told. Any number at once; all see the same, and what any of them sends arrives. */
export function attach({ writer, terminal, input }: AttachInput): Attachment {
  const tap = writer.tap()
  const { stdout, stderr } = tap.streams
  const stdin = input && (terminal ? terminalInput(terminal) : input.open())
  let lingering: NodeJS.Timeout | undefined
  const close = (): void => {
    clearTimeout(lingering)
    stdin?.destroy()
    tap.close()
  }
  const exit = Promise.all([stdout, ...(terminal ? [] : [stderr])].map(closed)).then(() => {
    stdin?.destroy()
    if (tap.lagging) throw new KubehopError('pod', 'attach', 'TooSlow', 'the client took no output for 10 s')
    return 0
  })
  // As in containerd: who has sent everything, to a container whose input goes on, has done what it came for. It still gets an answer.
  if (!input?.once || terminal) stdin?.once('finish', () => (lingering = setTimeout(close, lingerMs)))
  return {
    ...(stdin && { stdin }),
    stdout,
    ...(!terminal && { stderr }),
    ...(terminal && { resize: (columns, rows) => terminal.resize(columns, rows) }),
    exit,
    kill: close,
  }
}

function closed(stream: Readable): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve()
    else stream.once('close', resolve)
  })
}
