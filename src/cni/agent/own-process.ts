import { text } from 'node:stream/consumers'
import type { Request } from '../../kernel/launcher/protocol.ts'
import { launch } from '../../kernel/launch/launch.ts'
import { Program, strings } from '../../kernel/launch/program.ts'
import { reportFd } from '../../kernel/launch/stub.ts'
import { F_SETFD, FD_CLOEXEC, PR_SET_PDEATHSIG, SIGKILL } from '../../kernel/launch/syscalls.ts'
import { inNetns, type Netns } from '../../kernel/netns.ts'
import { hasRecords } from '../plugin/delegate-record.ts'
import { CniError } from '../plugin/error.ts'
import { readInput } from '../plugin/input.ts'
import { dataDirOf, otherIpam } from '../plugin/ipam-plan.ts'
import type { Product } from '../product.ts'

/**
 * Does this request have another plugin called? That may take a minute, and the other one may ask this very agent: such a request gets a process
 * of its own, and nobody waits for it but its launcher.
 */
export function callsOthers({ env, stdin }: Request): boolean {
  try {
    const { name, fields } = readInput(() => stdin)
    if (otherIpam(fields) !== undefined) return true
    // It gave addresses while the configuration named it.
    const takesBack = env['CNI_COMMAND'] === 'DEL' || env['CNI_COMMAND'] === 'GC'
    return takesBack && hasRecords(dataDirOf(fields), name)
  } catch (error) {
    // The plugin says it better.
    if (error instanceof CniError) return false
    throw error
  }
}

/** Runs the plugin as if a runtime had started it, in this network namespace. It ends with the agent, and with whom it is for. */
export async function callAlone(
  { env, stdin }: Request,
  { product, netns, left }: { product: Product; netns: Netns | undefined; left: AbortSignal },
): Promise<{ exitCode: number; out: string }> {
  const program = new Program()
  program.call('die with the agent', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  program.call('close the report when Node starts', 'fcntl', reportFd, F_SETFD, FD_CLOEXEC)
  const variables = Object.entries(env).map(([key, value]) => `${key}=${value}`)
  program.call(
    'start Node',
    'execve',
    product.node,
    strings([product.node, product.script, ...product.args]),
    strings(variables),
  )
  const started = inNetns(netns, () => ({
    launched: launch(program, { title: 'kubehop cni', stdio: ['pipe', 'pipe', 'inherit'] }),
  }))
  const { child, exited } = await started.launched
  const kill = (): void => void child.kill('SIGKILL')
  left.addEventListener('abort', kill)
  if (left.aborted) kill()
  const { stdin: input, stdout: output } = child
  if (input === null || output === null) throw new TypeError('cni: a process without standard input or output')
  // It may end before it has read everything.
  input.on('error', () => input.destroy())
  input.end(stdin)
  const [out, exitCode] = await Promise.all([text(output), exited])
  left.removeEventListener('abort', kill)
  if (exitCode > 128 && out === '')
    throw new CniError('tryAgain', 'the process that called the other plugin was killed: DEL, then try again')
  return { exitCode, out }
}
