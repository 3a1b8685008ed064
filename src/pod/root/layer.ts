import { readdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { KubehopError } from '../../base/errors.ts'
import type { Program } from '../../kernel/launch/program.ts'
import { MS_NODEV, MS_NOSUID } from '../../kernel/launch/syscalls.ts'
import { bind, make } from './mounting.ts'
import { covers } from './mountplan.ts'
import { escaped } from './overlay.ts'
import type { HostRootInput } from './input.ts'

const maxSkeleton = 2000

/** Lets mount points be made in a directory of this machine: an overlay, or where that cannot be, all its entries mounted one by one. */
export function addLayer(
  program: Program,
  { root, overlay, machine }: HostRootInput,
  directory: string,
  index: number,
): void {
  const to = join(root, 'r', directory)
  const op = `make room for mounts in ${directory}`
  if (overlay(directory) && !machine.mountPoints().some((point) => point !== directory && covers(directory, point))) {
    const [upper, work] = [join(root, `u${index}`), join(root, `w${index}`)]
    program.call(op, 'mkdir', upper, 0o755)
    program.call(op, 'mkdir', work, 0o755)
    const options = `lowerdir=${escaped(directory)},upperdir=${escaped(upper)},workdir=${escaped(work)},userxattr`
    program.call(op, 'mount', 'kubehop', to, 'overlay', 0, options)
    return
  }
  const entries = readdirSync(directory, { withFileTypes: true })
  if (entries.length > maxSkeleton) {
    const say = `${directory} has ${entries.length} entries: choose a mountPath that exists or lies in a smaller directory`
    throw new KubehopError('pod', `mount in ${directory}`, 'CreateContainerConfigError', say)
  }
  program.call(op, 'mount', 'kubehop', to, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=755')
  for (const entry of entries) {
    const [here, there] = [join(directory, entry.name), join(to, entry.name)]
    if (entry.isSymbolicLink()) program.call(op, 'symlink', readlinkSync(here), there)
    else if (entry.isDirectory() || entry.isFile()) {
      make(program, there, entry.isDirectory() ? 'directory' : 'file')
      bind(program, `mount ${here}`, here, there)
    }
  }
}
