import { randomBytes } from 'node:crypto'
import { KubehopError } from '../base/errors.ts'
import { tracePath } from '../lab/trace.ts'
import { type PcapEvent, pcapPath } from '../lab/trace-pcap.ts'
import { traceStopPath } from '../lab/trace-stop.ts'
import { mostRequests } from '../trace/coordinate.ts'
import { saysNo } from '../trace/render/verdict.ts'
import type { Trace } from '../trace/types.ts'
import { openPcap, type PcapOutput } from './pcap-file.ts'
import { live, type LiveContext, liveFormat, takeLive } from './trace-live.ts'
import { untilSignal } from './trace-interrupt.ts'
import { takeSize } from './trace-size.ts'
import { checkRequest, textOptions, timeoutOf } from './flags.ts'
import { readFormat, writeTrace, writeWords } from './trace-output.ts'
import { parse, UsageError } from './usage.ts'

export interface TraceContext extends LiveContext {
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
  /** Requests to send: 1 to 1000. */
  count?: number
  /** true: the largest packet that arrives uncut; a number: one packet of so many bytes. */
  sizes?: true | number
  /** Nothing is sent: the prediction alone. */
  dryRun?: true
  /** By which it may be ended early. */
  id?: string
}

/** `kubehop trace FROM TO [options]`: 0 delivered, 1 not, or, of several, not all. */
export async function trace(words: string[], context: TraceContext): Promise<number> {
  const { sizes, rest: others } = takeSize(words)
  const { seconds: watched, rest: args } = takeLive(others)
  const { values, positionals } = parse({
    args,
    allowPositionals: true,
    options: {
      output: { type: 'string', short: 'o', default: 'text' },
      verbose: { type: 'boolean', short: 'v', default: false },
      explain: { type: 'boolean', default: false },
      namespace: { type: 'string', short: 'n' },
      timeout: { type: 'string' },
      count: { type: 'string' },
      pcap: { type: 'string' },
    },
  })
  const format = readFormat(values.output)
  if (values.explain && format !== 'text') throw new UsageError(`--explain is for people: it needs -o text`)
  const [from, to, ...rest] = positionals
  if (values.explain && from === undefined) {
    writeWords()
    return 0
  }
  if (from === undefined || to === undefined) throw new UsageError('FROM and TO are needed')
  if (rest.length > 0) throw new UsageError(tooMany(positionals, words))
  checkRequest(from, to)
  const timeoutMs = timeoutOf(values.timeout)
  const asked = {
    from,
    to,
    ...(values.namespace !== undefined && { namespace: values.namespace }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  }
  if (watched !== undefined) {
    const output = liveFormat(format)
    if (values.explain) throw new UsageError('--explain explains the words of one request: not with --live')
    if (sizes !== undefined) throw new UsageError('--size sends, and --live sends nothing: use one of them')
    if (values.count !== undefined) throw new UsageError('--count sends, and --live sends nothing: use one of them')
    const options = { format: output, text: textOptions(values.verbose), pcap: values.pcap }
    return live({ ...asked, seconds: watched }, options, context)
  }
  const body = {
    ...asked,
    ...(values.count !== undefined && { count: requests(values.count) }),
    ...(sizes !== undefined && { sizes }),
  }
  const result = await ask(body, values.pcap, context)
  const output = { format, verbose: values.verbose, explain: values.explain }
  writeTrace(result, output, values.pcap === '-' ? process.stderr : process.stdout)
  const all = [result, ...(result.repeats?.outcomes ?? [])]
  // One packet of a size that was asked for has to arrive in one piece.
  const fits = typeof sizes !== 'number' || result.sizes?.tried.some(({ passed, cut }) => passed && !cut) === true
  return fits && !saysNo(result) && all.every(({ verdict }) => verdict === 'delivered') ? 0 : 1
}

/** Which word is one too many. What stands behind an option that may stand alone was probably meant as its value. */
function tooMany(positionals: readonly string[], words: readonly string[]): string {
  const [extra = ''] = positionals.slice(2)
  const option = ['--size', '--live'].find(
    (one) => positionals.includes(words[words.indexOf(one) + 1] ?? '') && words.includes(one),
  )
  if (option === undefined) return `"${extra}" is one word too many: only FROM and TO stand without an option`
  const value = words[words.indexOf(option) + 1] ?? ''
  // Only TO has a port or a path: then the word before FROM was one too many.
  const which =
    value === extra || /[:/]/.test(extra) ? `"${value}"` : `one of ${positionals.map((one) => `"${one}"`).join(', ')}`
  return `${which} is one word too many; ${option} takes a number, or stands alone`
}

/**
 * The trace, and its packets in a file where one is named. Ctrl-C ends many requests with the account of those that were sent; once more, or
 * at a single one, it ends the program itself.
 */
async function ask(body: TraceBody, path: string | undefined, context: TraceContext): Promise<Trace> {
  const id = body.count === undefined ? undefined : randomBytes(8).toString('hex')
  const stop = (): void => {
    console.error('kubehop trace: no more are sent; what became of the others is told when all have their answer')
    // Where it has ended by itself meanwhile, its account is on the way.
    if (id !== undefined) context.stop(id, traceStopPath).catch(() => {})
  }
  const wish = { ...body, ...(id !== undefined && { id }) }
  const pcap = path === undefined ? undefined : openPcap(path)
  try {
    using _ = untilSignal(() => pcap?.close(), id === undefined ? undefined : stop)
    return await (pcap ? withPcap(pcap, wish, context) : context.request(tracePath, wish))
  } finally {
    pcap?.close()
  }
}

async function withPcap(pcap: PcapOutput, body: TraceBody, context: TraceContext): Promise<Trace> {
  for await (const line of context.stream(pcapPath, body)) {
    const event = line as PcapEvent
    if (event.kind === 'pcap') pcap.write(Buffer.from(event.bytes, 'base64'))
    else {
      pcap.finish()
      return event.trace
    }
  }
  throw new KubehopError('trace', 'trace', 'BrokeOff', 'the answer broke off: the lab ended, or lost the connection')
}

function requests(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > mostRequests)
    throw new UsageError(`--count is a number of requests from 1 to ${mostRequests}, not "${text}"`)
  return value
}
