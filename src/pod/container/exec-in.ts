import { readFileSync } from 'node:fs'
import type { Container } from '../../api/objects/pod.ts'
import { KubehopError } from '../../base/errors.ts'
import { type Process, startedAt } from '../../kernel/process.ts'
import type { Becoming } from './become.ts'
import { capabilitiesOf } from './capabilities.ts'
import { type ExecOptions, type Execution, startExec } from './exec.ts'
import { execEnvironment } from './exec-environment.ts'
import type { Home } from '../home.ts'
import { identityOf } from './identity.ts'
import type { RunOrigin } from '../record.ts'

/** Starts a process beside a container's first one, `init`, with the container's own rights, directory and environment. */
export async function execIn(
  { pod, context }: Home,
  container: Container,
  init: Process | undefined,
  known: ReadonlyMap<string, string> | undefined,
  from: RunOrigin | undefined,
  options: ExecOptions,
): Promise<Execution> {
  if (!init) throw notRunning(container)
  try {
    return await startIn({ pod, context }, container, init, known, from, options)
  } catch (error) {
    // Whatever the kernel said: it ended before anybody was told.
    throw startedAt(init.pid) === init.started ? error : notRunning(container)
  }
}

function notRunning({ name }: Container): KubehopError {
  return new KubehopError('pod', 'exec', 'Invalid', `container ${name} is not running`)
}

async function startIn(
  { pod, context }: Pick<Home, 'pod' | 'context'>,
  container: Container,
  init: Process,
  known: ReadonlyMap<string, string> | undefined,
  from: RunOrigin | undefined,
  options: ExecOptions,
): Promise<Execution> {
  const privileges = container.securityContext ?? {}
  // One that another agent started: what its first process was given.
  const env = known ?? new Map(environmentOfProcess(init.pid))
  const identity = from?.identity ?? identityOf(pod, container, context.ids)
  const what: Becoming = {
    argv: options.command,
    env: execEnvironment(env, options, identity, context.ids),
    cwd: from?.cwd ?? (container.workingDir || '/'),
    identity,
    capabilities: capabilitiesOf(privileges),
    noNewPrivileges: privileges['allowPrivilegeEscalation'] === false,
  }
  return startExec(init, context.groups.open(pod.metadata.uid ?? '', container.name), what, options)
}

const maxOutput = 4096

/** What a probe wants to know of a command. `code` is undefined when it took too long and was ended. */
export async function runToEnd(
  started: Promise<Execution>,
  timeoutMs: number,
): Promise<{ code: number | undefined; output: string }> {
  const execution = await started
  let output = ''
  const take = (chunk: Buffer): void => {
    if (output.length < maxOutput) output += chunk.toString('utf8')
  }
  execution.stdout.on('data', take)
  execution.stderr?.on('data', take)
  let late = false
  const timer = setTimeout(() => {
    late = true
    execution.kill()
  }, timeoutMs)
  const code = await execution.exit
  clearTimeout(timer)
  return { code: late ? undefined : code, output }
}

function environmentOfProcess(pid: number): [string, string][] {
  const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').filter(Boolean)
  return entries.map((entry) => {
    const at = entry.indexOf('=')
    return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)]
  })
}
