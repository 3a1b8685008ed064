import { KubehopError } from '../base/errors.ts'
import { tracePath } from '../lab/trace.ts'
import { parseSource, parseTarget } from '../trace/target.ts'
import { renderTrace } from '../trace/render/text.ts'
import type { Trace } from '../trace/types.ts'
import { parse, UsageError } from './usage.ts'

export interface TraceContext {
  /** Asks the lab's API; a refusal is thrown. */
  request(path: string, body: TraceBody): Promise<Trace>
}

/** What `POST /kubehop/trace` takes. */
export interface TraceBody {
  from: string
  to: string
  /** Where FROM is looked for when it names none. */
  namespace?: string
  timeoutMs?: number
}

/** `kubehop trace FROM TO [-o text|json] [-v] [-n NAMESPACE] [--timeout SECONDS]`: 0 delivered, 1 not. */
export async function trace(args: string[], context: TraceContext): Promise<number> {
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o', default: 'text' },
      verbose: { type: 'boolean', short: 'v', default: false },
      namespace: { type: 'string', short: 'n' },
      timeout: { type: 'string' },
    },
  })
  const [from, to, ...rest] = positionals
  if (from === undefined || to === undefined || rest.length > 0) throw new UsageError('FROM and TO are needed')
  if (values.output !== 'text' && values.output !== 'json')
    throw new UsageError(`-o is text or json, not "${values.output}"`)
  check(() => parseSource(from))
  check(() => parseTarget(to))
  const timeoutMs = values.timeout === undefined ? undefined : seconds(values.timeout) * 1000
  const result = await context.request(tracePath, {
    from,
    to,
    ...(values.namespace !== undefined && { namespace: values.namespace }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  })
  if (values.output === 'json') console.log(JSON.stringify(result, null, 2))
  else {
    const terminal = process.stdout.isTTY
    const color = terminal && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb'
    process.stdout.write(
      renderTrace(result, { width: terminal ? process.stdout.columns : 0, color, verbose: values.verbose }),
    )
  }
  return result.verdict === 'delivered' ? 0 : 1
}

/** What is written wrongly is known before anything is asked. */
function check(parsing: () => unknown): void {
  try {
    parsing()
  } catch (error) {
    if (error instanceof KubehopError && error.code === 'Usage') throw new UsageError(error.plain)
    throw error
  }
}

function seconds(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value <= 100)) throw new UsageError(`--timeout is a number of seconds up to 100, not "${text}"`)
  return value
}
