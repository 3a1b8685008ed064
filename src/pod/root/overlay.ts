import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Log } from '../../base/log.ts'
import { messageOf } from '../../base/errors.ts'
import { launch } from '../../kernel/launch/launch.ts'
import { Program } from '../../kernel/launch/program.ts'
import { reportFd } from '../../kernel/launch/stub.ts'
import { CLONE_NEWNS, MS_PRIVATE, MS_REC } from '../../kernel/launch/syscalls.ts'

/**
 * Tries whether the kernel makes an overlay over a directory, once for each: it may lack overlays, forbid them in user namespaces (before Linux
 * 5.11), or refuse this file system as a lower one.
 */
export function overlayTrial(stateDir: string, log: Log): (directory: string) => Promise<boolean> {
  const known = new Map<string, Promise<boolean>>()
  const base = join(stateDir, 'overlay')
  return (directory) => {
    let answer = known.get(directory)
    if (!answer) {
      answer = attempt(base, directory).then(
        () => true,
        (error: unknown) => {
          log.debug({ directory, error: messageOf(error) }, 'no overlay here; mounting its entries one by one')
          return false
        },
      )
      known.set(directory, answer)
    }
    return answer
  }
}

async function attempt(base: string, directory: string): Promise<void> {
  mkdirSync(base, { recursive: true, mode: 0o700 })
  const [upper, work, merged] = [join(base, 'u'), join(base, 'w'), join(base, 'm')]
  const program = new Program()
  program.call('make a mount namespace', 'unshare', CLONE_NEWNS)
  program.call('keep mounts inside', 'mount', 'none', '/', 0, MS_REC | MS_PRIVATE, 0)
  program.call('mount a tmpfs', 'mount', 'kubehop', base, 'tmpfs', 0, 'mode=755')
  for (const path of [upper, work, merged]) program.call(`make ${path}`, 'mkdir', path, 0o755)
  const options = `lowerdir=${escaped(directory)},upperdir=${escaped(upper)},workdir=${escaped(work)},userxattr`
  program.call('mount an overlay', 'mount', 'kubehop', merged, 'overlay', 0, options)
  program.call('try it', 'mkdir', join(merged, '.kubehop'), 0o755)
  program.call('report', 'close', reportFd)
  program.call('end', 'exit_group', 0)
  const { exited } = await launch(program, { title: 'kubehop overlay', stdio: ['ignore', 'ignore', 'ignore'] })
  await exited
}

/** Overlay's option parser splits at commas and colons. */
export function escaped(path: string): string {
  return path.replace(/[\\,:]/g, '\\$&')
}
