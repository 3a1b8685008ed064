import type { ExecOptions } from './exec.ts'
import type { Identity, IdMap } from './identity.ts'

/**
 * The variables of a process beside a container's first one, which has `env`.
 *
 * A terminal has a type, as with kubelet. Where there is only one user, GNU tar(1) must not give files the owner that an archive names: there
 * is none of that number, root's tar tries all the same, and `kubectl cp` (which is tar) would fail with "Cannot change ownership".
 */
export function execEnvironment(
  env: ReadonlyMap<string, string>,
  { command, tty = false }: Pick<ExecOptions, 'command' | 'tty'>,
  { uid }: Pick<Identity, 'uid'>,
  ids: Pick<IdMap, 'user'>,
): Map<string, string> {
  const result = new Map(env)
  if (tty && !result.has('TERM')) result.set('TERM', 'xterm')
  const alone = uid === 0 && !ids.user(1)
  if (alone && command[0] === 'tar' && !result.has(tarOptions)) result.set(tarOptions, '--no-same-owner')
  return result
}

/** Read by GNU tar before its arguments; others ignore it (busybox's tar goes on where it may not change an owner). */
const tarOptions = 'TAR_OPTIONS'
