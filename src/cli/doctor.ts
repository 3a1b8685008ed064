import { stringify } from 'yaml'
import type { Diagnosis } from '../doctor/diagnosis.ts'
import { renderDiagnosis, renderList } from '../doctor/render/text.ts'
import { saysNo } from '../trace/render/verdict.ts'
import { checkRequest, formatOf, textOptions, timeoutOf } from './flags.ts'
import { parse, UsageError } from './usage.ts'

/** What `POST /kubehop/doctor` takes. */
export interface DoctorBody {
  namespace?: string
  for?: { from: string; to: string; namespace?: string; timeoutMs?: number }
}

export interface DoctorContext {
  /** Asks a lab, or looks at a cluster by its kubeconfig. */
  diagnose(body: DoctorBody, cluster: Where): Promise<Diagnosis>
}

/** Which cluster: a lab by its name (undefined: the one there is), or any other by a kubeconfig. */
export type Where =
  | { readonly kind: 'lab'; readonly name: string | undefined }
  | {
      readonly kind: 'kubeconfig'
      readonly path: string
      readonly context: string | undefined
      /** For all that is asked of its server. */
      readonly timeoutMs: number | undefined
    }

/** `kubehop doctor [NAMESPACE] [--for FROM TO] [options]`: ends with {@link exitCodeOf}, or 2 when it was asked wrongly. */
export async function doctor(args: string[], context: DoctorContext): Promise<number> {
  const { values, positionals, tokens } = parse({
    args,
    allowPositionals: true,
    tokens: true,
    options: {
      for: { type: 'boolean', default: false },
      output: { type: 'string', short: 'o', default: 'text' },
      verbose: { type: 'boolean', short: 'v', default: false },
      strict: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      lab: { type: 'string' },
      kubeconfig: { type: 'string' },
      context: { type: 'string' },
      namespace: { type: 'string', short: 'n' },
      timeout: { type: 'string' },
    },
  })
  const format = formatOf(values.output, formats)
  if (values.list) {
    process.stdout.write(renderList(textOptions(values.verbose)))
    return 0
  }
  const where = readWhere(values)
  // FROM and TO are the two words after --for, wherever that stands.
  const at = tokens.find((one) => one.kind === 'option' && one.name === 'for')?.index ?? args.length
  const before = tokens.filter((one) => one.kind === 'positional' && one.index < at).length
  const body = readBody(positionals.toSpliced(before, 2), positionals.slice(before, before + 2), values)
  if (body.for && where.kind === 'kubeconfig')
    throw new UsageError('--for sends a request, which needs the agents of a lab: --kubeconfig looks at objects only')
  const diagnosis = await context.diagnose(body, where)
  process.stdout.write(
    format === 'json'
      ? `${JSON.stringify(diagnosis, null, 2)}\n`
      : format === 'yaml'
        ? stringify(diagnosis, { lineWidth: 0, aliasDuplicateObjects: false })
        : renderDiagnosis(diagnosis, textOptions(values.verbose)),
  )
  return exitCodeOf(diagnosis, values.strict)
}

/**
 * 1 when an error was found (`strict`: or a warning), or the request that was asked about did not do what it was for, whatever explains it:
 * it was not delivered, or a name server answered no, as `kubehop trace` says. 0 otherwise.
 */
export function exitCodeOf({ findings, request }: Pick<Diagnosis, 'findings' | 'request'>, strict: boolean): 0 | 1 {
  const failed = request !== undefined && (request.verdict !== 'delivered' || saysNo(request))
  const wrong = findings.some(({ level }) => level === 'error' || (strict && level === 'warning'))
  return failed || wrong ? 1 : 0
}

/** `[NAMESPACE]`, and after `--for` FROM and TO. */
function readBody(
  spaces: readonly string[],
  request: readonly string[],
  {
    for: asked,
    namespace,
    timeout,
    kubeconfig,
  }: { for: boolean; namespace?: string; timeout?: string; kubeconfig?: string },
): DoctorBody {
  const [only, ...more] = spaces
  if (more.length > 0) throw new UsageError(`one namespace at most, not ${[only, ...more].join(' ')}`)
  if (only !== undefined && !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(only))
    throw new UsageError(`"${only}" is no namespace: write it alone, and a request after --for`)
  if (!asked) {
    if (timeout !== undefined && kubeconfig === undefined)
      throw new UsageError('--timeout is for --for FROM TO, or --kubeconfig FILE')
    const both = only ?? namespace
    return both === undefined ? {} : { namespace: both }
  }
  const [from, to] = request
  if (from === undefined || to === undefined) throw new UsageError('--for needs FROM and TO')
  checkRequest(from, to)
  const timeoutMs = timeoutOf(timeout)
  return {
    ...(only !== undefined && { namespace: only }),
    for: {
      from,
      to,
      ...(namespace !== undefined && { namespace }),
      ...(timeoutMs !== undefined && { timeoutMs }),
    },
  }
}

function readWhere({
  lab,
  kubeconfig,
  context,
  timeout,
}: {
  lab?: string
  kubeconfig?: string
  context?: string
  timeout?: string
}): Where {
  if (lab !== undefined && kubeconfig !== undefined) throw new UsageError('--lab or --kubeconfig, not both')
  const timeoutMs = timeoutOf(timeout)
  if (kubeconfig !== undefined) return { kind: 'kubeconfig', path: kubeconfig, context, timeoutMs }
  if (context !== undefined) throw new UsageError('--context is one of a file: it needs --kubeconfig FILE')
  return { kind: 'lab', name: lab }
}

const formats = ['text', 'json', 'yaml'] as const
