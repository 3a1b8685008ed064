import { ApiError } from '../api/client/client.ts'
import { connectionFrom } from '../api/client/kubeconfig.ts'
import { Transport } from '../api/client/transport.ts'
import { codeOf, KubehopError } from '../base/errors.ts'
import { answerTime } from '../lab/answer-time.ts'
import { chooseLab } from '../lab/choose.ts'
import { kubeconfigOf } from '../lab/folder.ts'
import { liveStopPath } from '../lab/trace-live.ts'
import { visible } from '../base/visible.ts'
import { linesOf, longestLine } from '../trace/http.ts'
import type { Trace } from '../trace/types.ts'
import { trace, type TraceContext } from './trace.ts'
import { dryContext, takeDryRun, traceAbroad } from './trace-dry-run.ts'

/** `kubehop trace [--lab NAME] ...`: the lab's supervisor does the tracing, this asks for it and shows it. */
export async function traceCommand(args: string[]): Promise<number> {
  const { flags, rest: words } = takeDryRun(args)
  const { lab, rest } = takeLab(words)
  // Found when something is asked of it: what the words mean, and what is wrong with them, is said without any lab.
  let found: Promise<Transport> | undefined
  const theLab = (): Promise<Transport> => (found ??= connectTo(lab))
  const context: TraceContext = {
    request: async (path, body) =>
      (await (await theLab()).call({ method: 'POST', path, body }, answerTime(body.timeoutMs))) as Trace,
    async *stream(path, body) {
      const response = await (await theLab()).open({ method: 'POST', path, body }, never)
      for await (const line of linesOf(response, longestLine)) if (line !== '') yield JSON.parse(line) as object
    },
    async stop(id, path = liveStopPath) {
      await (await theLab()).call({ method: 'POST', path, body: { id } })
    },
  }
  const dry = dryContext((path, body) => context.request(path, { ...body, dryRun: true }))
  try {
    if (flags.kubeconfig !== undefined || flags.context !== undefined) return await traceAbroad(words, flags)
    return await trace(rest, flags.dry ? dry : context)
  } catch (error) {
    if (!isWrongQuestion(error)) throw sayGone(error)
    console.error(`kubehop trace: ${visible(error.plain ?? error.message)}`)
    return 2
  } finally {
    const transport = await found?.catch(() => undefined)
    transport?.close()
  }
}

/** What the cluster does not have, or no request can be, by the codes of the rooms' errors. */
const wrongQuestions: ReadonlySet<unknown> = new Set(['Usage', 'NotFound', 'OnlyIpv4', 'ManyMachines'])

/** A question that nobody can answer, such as one about a pod that does not exist: said by the lab, or here in a dry run. */
export function isWrongQuestion(error: unknown): error is Error & { plain?: string } {
  if (error instanceof ApiError) return error.code === 422 && wrongQuestions.has(error.reason)
  return error instanceof KubehopError && error.room === 'trace' && wrongQuestions.has(error.code)
}

const never = new AbortController().signal

async function connectTo(lab: string | undefined): Promise<Transport> {
  return new Transport(await connectionFrom(kubeconfigOf(chooseLab(lab).name)))
}

/** What a socket says when the lab on its other side ends, or had ended. */
const goneCodes: ReadonlySet<unknown> = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE'])

function sayGone(error: unknown): unknown {
  if (error instanceof KubehopError || error instanceof ApiError || !goneCodes.has(codeOf(error))) return error
  const say = 'the lab ended, or its API is away: `kubehop status` says which labs run, `kubehop up` starts one'
  return new KubehopError('trace', 'trace', 'BrokeOff', `the trace broke off: ${say}`, { cause: error })
}

/** Which lab is this file's business, everything else the trace's own. */
function takeLab(args: string[]): { lab: string | undefined; rest: string[] } {
  const at = args.findIndex((word) => word === '--lab' || word.startsWith('--lab='))
  if (at < 0) return { lab: undefined, rest: args }
  const [word = ''] = args.slice(at)
  const inline = word.startsWith('--lab=')
  return { lab: inline ? word.slice('--lab='.length) : args[at + 1], rest: args.toSpliced(at, inline ? 1 : 2) }
}
