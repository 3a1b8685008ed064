import { posix } from 'node:path'
import { type Program, strings } from '../../kernel/launch/program.ts'
import { CLOSE_RANGE_CLOEXEC, PR_SET_NO_NEW_PRIVS, PR_SET_PDEATHSIG, SIGKILL } from '../../kernel/launch/syscalls.ts'
import { boundCapabilities, setCapabilities } from './capabilities.ts'
import type { Identity } from './identity.ts'

/** What a process in a container is. */
export interface Becoming {
  argv: string[]
  env: ReadonlyMap<string, string>
  cwd: string
  identity: Identity
  capabilities: ReadonlySet<string>
  noNewPrivileges: boolean
}

export const cwdOp = 'enter the working directory'

const umask = 0o022
const descriptorsKept = 3
const lastDescriptor = 0xffff_ffff

/** The last calls of a fresh process in a container: its rights, its directory, its program. */
export function become(program: Program, what: Becoming): void {
  const { identity, argv, env } = what
  boundCapabilities(program, what.capabilities)
  program.call(cwdOp, 'chdir', what.cwd)
  if (identity.groups.length > 0) {
    const groups = new Uint8Array(new Uint32Array(identity.groups).buffer)
    program.call('set the groups', 'setgroups', identity.groups.length, groups)
  } else program.attempt('drop the groups', 'setgroups', 0, 0) // refused where an ordinary user has none to drop
  if (identity.gid !== 0) program.call('set the group', 'setgid', identity.gid)
  if (identity.uid !== 0) program.call('set the user', 'setuid', identity.uid)
  else setCapabilities(program, what.capabilities)
  // After the change of user, which clears it (prctl(2)).
  program.call('end with the shim', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  if (what.noNewPrivileges) program.call('allow no new privileges', 'prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
  program.call('set the umask', 'umask', umask)
  program.call('close what is not for the program', 'close_range', descriptorsKept, lastDescriptor, CLOSE_RANGE_CLOEXEC)
  const list = strings([...env].map(([name, value]) => `${name}=${value}`))
  const candidates = candidatesFor(argv[0] ?? '', env.get('PATH') ?? '')
  for (const path of candidates.slice(0, -1)) program.attempt(execOp(argv), 'execve', path, strings(argv), list)
  program.call(execOp(argv), 'execve', candidates.at(-1) ?? '', strings(argv), list)
}

/** As execvp(3) would find it: a name with a slash is a path, another is looked for in PATH. */
function candidatesFor(name: string, path: string): string[] {
  if (name.includes('/') || name === '') return [name]
  const found = path.split(':').map((directory) => posix.join(directory === '' ? '.' : directory, name))
  return found.length === 0 ? [name] : found
}

export function execOp(argv: readonly string[]): string {
  return `exec ${JSON.stringify(argv[0] ?? '')}`
}
