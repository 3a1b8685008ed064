import { KubehopError } from '../base/errors.ts'
import { parseSource } from '../trace/ask/source.ts'
import { parseTarget } from '../trace/ask/target.ts'
import type { TextOptions } from '../trace/render/paint.ts'
import { UsageError } from './usage.ts'

// What trace and doctor take alike.

/** FROM and TO: what is written wrongly is known before anything is asked. */
export function checkRequest(from: string, to: string): void {
  try {
    parseSource(from)
    parseTarget(to)
  } catch (error) {
    if (error instanceof KubehopError && error.code === 'Usage') throw new UsageError(error.plain)
    throw error
  }
}

/** `--timeout SECONDS`, in milliseconds; undefined where it is not said. */
export function timeoutOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (!(value > 0 && value <= 100))
    throw new UsageError(`--timeout is a number of seconds above 0 and up to 100, not "${text}"`)
  return Math.ceil(value * 1000)
}

/** As standard output is. */
export function textOptions(verbose: boolean): TextOptions {
  const terminal = process.stdout.isTTY
  const color = terminal && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb'
  return { width: terminal ? process.stdout.columns : 0, color, verbose }
}

/** `-o FORMAT`, one of these. */
export function formatOf<Format extends string>(text: string, formats: readonly Format[]): Format {
  const format = formats.find((one) => one === text)
  if (format === undefined) throw new UsageError(`-o is ${formats.join(', ')}, not "${text}"`)
  return format
}
