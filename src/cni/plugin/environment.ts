import { isDeviceName, isSandboxId } from '../names.ts'
import { CniError } from './error.ts'

/** Per command what it cannot do without (specification, "CNI operations"; CNI_PATH as the reference implementation asks). */
const needs: Record<CommandName, readonly string[]> = {
  ADD: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  DEL: ['CNI_CONTAINERID', 'CNI_IFNAME', 'CNI_PATH'],
  CHECK: ['CNI_CONTAINERID', 'CNI_NETNS', 'CNI_IFNAME', 'CNI_PATH'],
  GC: ['CNI_PATH'],
  STATUS: ['CNI_PATH'],
  VERSION: [],
}

export type CommandName = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS' | 'VERSION'

/** What the runtime says by environment. Empty where the command does not need it. */
export interface Call {
  command: CommandName
  containerId: string
  /** Path of the pod's network namespace. */
  netns: string
  ifname: string
  /** IP and MAC of CNI_ARGS. */
  args: ReadonlyMap<string, string>
  /** All of it, for a plugin that we call. */
  env: NodeJS.ProcessEnv
}

export function readEnvironment(env: NodeJS.ProcessEnv): Call {
  const command = env['CNI_COMMAND'] ?? ''
  if (!Object.hasOwn(needs, command))
    throw bad(`CNI_COMMAND is ${quoted(command)}, not one of ${Object.keys(needs).join(', ')}`)
  const name = command as CommandName
  const missing = needs[name].filter((variable) => !env[variable])
  if (missing.length > 0) throw bad(`${name} needs ${missing.join(', ')} in the environment`)
  const { CNI_CONTAINERID: containerId = '', CNI_IFNAME: ifname = '', CNI_NETNS: netns = '' } = env
  if (containerId !== '' && !isSandboxId(containerId))
    throw bad(`CNI_CONTAINERID ${quoted(containerId)} is not 1 to 128 of A-Z, a-z, 0-9, "_", "." and "-"`)
  if (ifname !== '' && !isDeviceName(ifname))
    throw bad(`CNI_IFNAME ${quoted(ifname)} is no name for a link: 1 to 15 letters without "/", ":", "%" and spaces`)
  const args = name === 'ADD' || name === 'CHECK' ? readArgs(env['CNI_ARGS'] ?? '') : new Map<string, string>()
  return { command: name, containerId, netns, ifname, args, env }
}

/** `IgnoreUnknown=1;IP=10.0.0.5;K8S_POD_NAME=web`. */
function readArgs(text: string): Map<string, string> {
  const pairs = new Map<string, string>()
  for (const pair of text.split(';')) {
    if (pair === '') continue
    const [key, value, ...more] = pair.split('=')
    if (!key || value === undefined || more.length > 0) throw bad(`CNI_ARGS has ${quoted(pair)}, which is no KEY=VALUE`)
    pairs.set(key, value)
  }
  if (['1', 'true'].includes((pairs.get('IgnoreUnknown') ?? '').toLowerCase())) return pairs
  const strange = [...pairs.keys()].filter((key) => !['IgnoreUnknown', 'IP', 'MAC'].includes(key))
  if (strange.length > 0)
    throw bad(`CNI_ARGS has ${strange.map(quoted).join(', ')}, of which this plugin knows nothing: add IgnoreUnknown=1`)
  return pairs
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}

function bad(say: string): CniError {
  return new CniError('badEnvironment', say)
}
