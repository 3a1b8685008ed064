import { stringify } from 'yaml'
import { livePath } from '../lab/trace-live.ts'
import { longest } from '../trace/live/live.ts'
import { renderLive } from '../trace/live/render.ts'
import type { LiveEvent } from '../trace/live/types.ts'
import type { TextOptions } from '../trace/render/paint.ts'
import { UsageError } from './usage.ts'

export interface LiveContext {
  /** Asks the lab's API, which answers one object a line. */
  stream(path: string, body: object): AsyncIterable<object>
  /** Ends a watch early. */
  stop(id: string): Promise<void>
}

export interface LiveBody {
  from: string
  to: string
  namespace?: string
  timeoutMs?: number
  seconds: number
  stories?: number
}

export function liveFormat(format: string): 'text' | 'json' | 'yaml' {
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
    throw new UsageError(`--live takes a number of seconds up to ${longest}, not "${text}"`)
  return { seconds, rest: args.toSpliced(at, isNumber ? 2 : 1) }
}

/** Watches until the time is over or Ctrl-C; 0 when something began and all of it was delivered. */
export async function live(
  body: LiveBody,
  format: 'text' | 'json' | 'yaml',
  options: TextOptions,
  context: LiveContext,
): Promise<number> {
  let id: string | undefined
  // Once more ends the program itself.
  const stop = (): void => {
    process.removeListener('SIGINT', stop)
    if (id !== undefined) void context.stop(id)
  }
  process.once('SIGINT', stop)
  try {
    const stories = options.verbose ? manyStories : undefined
    for await (const line of context.stream(livePath, { ...body, ...(stories !== undefined && { stories }) })) {
      const event = line as LiveEvent
      if (event.kind === 'watching') id = event.id
      if (format === 'text') process.stdout.write(renderLive(event, options))
      if (event.kind !== 'summary') continue
      if (format === 'json') process.stdout.write(`${JSON.stringify(event.trace, null, 2)}\n`)
      if (format === 'yaml')
        process.stdout.write(stringify(event.trace, { lineWidth: 0, aliasDuplicateObjects: false }))
      const { followed, verdicts } = event.trace.live
      return followed > 0 && verdicts.delivered === followed ? 0 : 1
    }
    throw new Error('the watch broke off: the lab ended, or lost the connection')
  } finally {
    process.removeListener('SIGINT', stop)
  }
}
