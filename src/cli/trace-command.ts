import { connectionFrom } from '../api/client/kubeconfig.ts'
import { Transport } from '../api/client/transport.ts'
import { chooseLab } from '../lab/choose.ts'
import { kubeconfigOf } from '../lab/folder.ts'
import { liveStopPath } from '../lab/trace-live.ts'
import { linesOf, longestLine } from '../trace/http.ts'
import type { Trace } from '../trace/types.ts'
import { trace, type TraceContext } from './trace.ts'
import { dryContext, takeDryRun, traceAbroad } from './trace-dry-run.ts'

/** `kubehop trace [--lab NAME] ...`: the lab's supervisor does the tracing, this asks for it and shows it. */
export async function traceCommand(args: string[]): Promise<number> {
  const { flags, rest: words } = takeDryRun(args)
  if (flags.kubeconfig !== undefined || flags.context !== undefined) return traceAbroad(words, flags)
  const { lab, rest } = takeLab(words)
  const transport = new Transport(await connectionFrom(kubeconfigOf(chooseLab(lab).name)))
  try {
    const context: TraceContext = {
      request: async (path, body) =>
        (await transport.call(
          { method: 'POST', path, body },
          AbortSignal.timeout((body.timeoutMs ?? 0) * 3 + 60_000),
        )) as Trace,
      async *stream(path, body) {
        const response = await transport.open({ method: 'POST', path, body }, never)
        for await (const line of linesOf(response, longestLine)) if (line !== '') yield JSON.parse(line) as object
      },
      async stop(id) {
        await transport.call({ method: 'POST', path: liveStopPath, body: { id } })
      },
    }
    if (!flags.dry) return await trace(rest, context)
    return await trace(
      rest,
      dryContext((path, body) => context.request(path, { ...body, dryRun: true })),
    )
  } finally {
    transport.close()
  }
}

const never = new AbortController().signal

/** Which lab is this file's business, everything else the trace's own. */
function takeLab(args: string[]): { lab: string | undefined; rest: string[] } {
  const at = args.findIndex((word) => word === '--lab' || word.startsWith('--lab='))
  if (at < 0) return { lab: undefined, rest: args }
  const [word = ''] = args.slice(at)
  const inline = word.startsWith('--lab=')
  return { lab: inline ? word.slice('--lab='.length) : args[at + 1], rest: args.toSpliced(at, inline ? 1 : 2) }
}
