import { stringify } from 'yaml'
import { KubehopError } from '../base/errors.ts'
import { type LiveLine, livePath } from '../lab/trace-live.ts'
import { longest } from '../trace/live/live.ts'
import { renderLive } from '../trace/live/render.ts'
import type { LiveFlow, LiveTrace } from '../trace/live/types.ts'
import type { TextOptions } from '../trace/render/paint.ts'
import { openPcap } from './pcap-file.ts'
import { untilSignal } from './trace-interrupt.ts'
import { UsageError } from './usage.ts'

export interface LiveContext {
  /** Asks the lab's API, which answers one object a line. */
  stream(path: string, body: object): AsyncIterable<object>
  /** Ends a watch early, or, at another path, many requests. */
  stop(id: string, path?: string): Promise<void>
}

export interface LiveBody {
  from: string
  to: string
  namespace?: string
  timeoutMs?: number
  seconds: number
  stories?: number
}

export function liveFormat(format: string): LiveOutput['format'] {
  if (format === 'text' || format === 'json' || format === 'yaml') return format
  throw new UsageError(`-o ${format} draws one request; with --live it is text, json or yaml`)
}

const usual = 10
const manyStories = 1000

/** Takes `--live [SECONDS]` out of the words: its value may be left out, which parseArgs does not know. */
export function takeLive(args: readonly string[]): { seconds: number | undefined; rest: string[] } {
  const at = args.findIndex((word) => word === '--live' || word.startsWith('--live='))
  const word = args[at]
  if (word === undefined) return { seconds: undefined, rest: [...args] }
  const next = args[at + 1]
  const isInline = word !== '--live'
  const takesNext = !isInline && next !== undefined && /^[\d.]+$/.test(next) && !next.includes('..')
  // An address is where to; a number is not.
  const isNumber = takesNext && !Number.isNaN(Number(next))
  const text = isInline ? word.slice('--live='.length) : isNumber ? next : String(usual)
  const seconds = Number(text)
  if (!(seconds > 0 && seconds <= longest))
    throw new UsageError(`--live takes a number of seconds above 0 and up to ${longest}, not "${text}"`)
  return { seconds, rest: args.toSpliced(at, isNumber ? 2 : 1) }
}

export interface LiveOutput {
  readonly format: 'text' | 'json' | 'yaml'
  readonly text: TextOptions
  /** Where the packets go, if they are wanted; `-`: standard output, and what is told goes to standard error. */
  readonly pcap: string | undefined
}

/** Watches until the time is over or Ctrl-C; 0 when something began and all of it was delivered. */
export async function live(body: LiveBody, { format, text, pcap }: LiveOutput, context: LiveContext): Promise<number> {
  const file = pcap === undefined ? undefined : openPcap(pcap)
  const out = pcap === '-' ? process.stderr : process.stdout
  let id: string | undefined
  const stop = (): void => {
    // Where it has ended by itself meanwhile, its account is on the way.
    if (id !== undefined) context.stop(id).catch(() => {})
  }
  const flows: LiveFlow[] = []
  const wish = { ...body, ...(text.verbose && { stories: manyStories }), ...(file && { pcap: true }) }
  try {
    // Once more ends the program itself.
    using _ = untilSignal(() => file?.close(), stop)
    for await (const line of context.stream(livePath, wish)) {
      const event = line as LiveLine
      if (event.kind === 'pcap') {
        file?.write(Buffer.from(event.bytes, 'base64'))
        continue
      }
      if (event.kind === 'watching') id = event.id
      if (event.kind === 'flow') flows.push(event.flow)
      if (event.kind !== 'summary') {
        if (format === 'text') out.write(renderLive(event, text))
        continue
      }
      file?.finish()
      const inOrder = flows.toSorted((a, b) => a.number - b.number)
      const trace = { ...event.trace, live: { ...event.trace.live, flows: inOrder } }
      out.write(written(trace, format, text))
      const { followed, verdicts } = trace.live
      return followed > 0 && verdicts.delivered === followed ? 0 : 1
    }
    throw new KubehopError('trace', 'watch', 'BrokeOff', 'the watch broke off: the lab ended, or lost the connection')
  } finally {
    file?.close()
  }
}

function written(trace: LiveTrace, format: LiveOutput['format'], text: TextOptions): string {
  if (format === 'json') return `${JSON.stringify(trace, null, 2)}\n`
  if (format === 'yaml') return stringify(trace, { lineWidth: 0, aliasDuplicateObjects: false })
  return renderLive({ kind: 'summary', trace }, text)
}
