import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { connect } from '../api/client/http.ts'
import { connectionFrom, contextNamespace } from '../api/client/kubeconfig.ts'
import { explain } from '../doctor/explain.ts'
import { dryRun } from '../trace/predict/dry-run.ts'
import { sayAway } from './away.ts'
import { patience } from './patience.ts'
import { trace, type TraceBody, type TraceContext } from './trace.ts'
import { UsageError } from './usage.ts'

export interface DryRunFlags {
  readonly dry: boolean
  /** A cluster that is not a lab, by its kubeconfig: the file, and a context of it. */
  readonly kubeconfig?: string
  readonly context?: string
}

/** Takes `--dry-run`, `--kubeconfig FILE` and `--context NAME` out of the words. */
export function takeDryRun(words: readonly string[]): { flags: DryRunFlags; rest: string[] } {
  let rest = [...words]
  const take = (name: string): string | undefined => {
    const at = rest.findIndex((word) => word === name || word.startsWith(`${name}=`))
    const word = rest[at]
    if (word === undefined) return undefined
    const inline = word.startsWith(`${name}=`)
    const value = inline ? word.slice(name.length + 1) : rest[at + 1]
    if (value === undefined || value === '') throw new UsageError(`${name} needs a value`)
    rest = rest.toSpliced(at, inline ? 1 : 2)
    return value
  }
  const kubeconfig = take('--kubeconfig')
  const context = take('--context')
  const dry = rest.includes('--dry-run')
  rest = rest.filter((word) => word !== '--dry-run')
  if (!dry && (kubeconfig !== undefined || context !== undefined))
    throw new UsageError(
      '--kubeconfig and --context are for --dry-run: requests are sent, and seen, only in labs of Kubehop',
    )
  return {
    flags: { dry, ...(kubeconfig !== undefined && { kubeconfig }), ...(context !== undefined && { context }) },
    rest,
  }
}

/** Nothing is sent, so nothing can be watched, counted or measured. */
export function dryContext(request: TraceContext['request']): TraceContext {
  const refuse = (): never => {
    throw new UsageError('--dry-run sends nothing and watches nothing: leave out --live and --pcap')
  }
  return {
    async request(path, body) {
      if (body.count !== undefined || body.sizes !== undefined)
        throw new UsageError('--dry-run sends nothing: leave out --count and --size')
      return request(path, body)
    },
    // eslint-disable-next-line require-yield
    async *stream() {
      refuse()
      yield {}
    },
    stop: async () => refuse(),
  }
}

/** `kubehop trace --dry-run --kubeconfig FILE [--context NAME] FROM TO`: by the API alone; needs no lab and no rights on any machine. */
export async function traceAbroad(words: string[], { kubeconfig, context }: DryRunFlags): Promise<number> {
  const path = kubeconfig ?? usualKubeconfig()
  const connection = await connectionFrom(path, context)
  const client = connect(connection)
  const namespace = await contextNamespace(path, context)
  try {
    return await trace(
      words,
      dryContext(async (_, { from, to, timeoutMs, ...body }: TraceBody) => {
        const within = patience('trace', connection.server, client, timeoutMs)
        try {
          return await dryRun({ client: within.client, explain, from, to, ...of(body.namespace ?? namespace) })
        } finally {
          within.end()
        }
      }),
    )
  } catch (error) {
    throw sayAway('trace', connection.server, error)
  } finally {
    client.close()
  }
}

function of(namespace: string | undefined): { namespace?: string } {
  return namespace === undefined ? {} : { namespace }
}

/** As kubectl looks for it. */
function usualKubeconfig(): string {
  const named = process.env['KUBECONFIG']
  if (named !== undefined && named.includes(':') && !existsSync(named))
    throw new UsageError('KUBECONFIG names several files: say which with --kubeconfig FILE')
  return named === undefined || named === '' ? join(homedir(), '.kube', 'config') : named
}
