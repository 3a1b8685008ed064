import { join } from 'node:path'
import type { Program } from '../../kernel/launch/program.ts'
import {
  AT_FDCWD,
  MNT_DETACH,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_NODEV,
  MS_NOSUID,
  MS_PRIVATE,
  MS_REC,
} from '../../kernel/launch/syscalls.ts'
import type { HostImage } from './host-image.ts'
import { bind, hide, make, makeAll, restrict } from './mounting.ts'
import { covers, type MountPlan, ownDirectories } from './mountplan.ts'
import { addLayer } from './layer.ts'
import { ownFiles, procAndSys } from './own.ts'
import { devices, openSource, type Source } from './source.ts'

export interface RootInput {
  image: HostImage
  /** An empty directory that only this container uses. */
  root: string
  plan: MountPlan
  /** For each of the plan's places. */
  sources: readonly Source[]
  /** For each of the plan's layers: whether this machine allows an overlay there. */
  overlay: (directory: string) => boolean
  /** Leave /proc and /sys as they are. */
  privileged: boolean
}

/**
 * The calls by which a process in a new mount namespace puts its root together from this machine's files and moves into it. Until
 * pivot_root only paths that no container can change are used; what containers can change is opened before and placed after, when every link
 * in it already ends inside the new root.
 */
export function enterRoot(program: Program, input: RootInput): void {
  const { root, image, plan } = input
  const at = (path: string): string => join(root, 'r', path)
  program.call('keep mounts inside', 'mount', 'none', '/', 0, MS_REC | MS_PRIVATE, 0)
  program.call('mount the root', 'mount', 'kubehop', root, 'tmpfs', MS_NOSUID | MS_NODEV, 'mode=755')
  program.call('make the root', 'mkdir', at('/'), 0o755)
  bind(program, 'mount the root', at('/'), at('/'))
  for (const entry of image.entries) {
    const [here, there] = [`/${entry.name}`, at(entry.name)]
    if (entry.kind === 'link') program.call(`link ${here}`, 'symlink', entry.to ?? '', there)
    else if (plan.layers.includes(here)) make(program, there, entry.kind)
    else {
      make(program, there, entry.kind)
      bind(program, `mount ${here}`, here, there)
    }
  }
  for (const name of ownDirectories) make(program, at(name), 'directory')
  for (const [index, layer] of plan.layers.entries()) addLayer(program, input, layer, index)
  for (const place of plan.places) if (place.early) makeAll(program, at('/'), place.path, place.kind)
  for (const mask of image.mask) if (!ownDirectories.some((own) => covers(own, mask))) hide(program, at(mask), mask)
  restrict(program, 'make the root read-only', at('/'), MOUNT_ATTR_RDONLY | devices(input))

  ownFiles(program, at, image)
  procAndSys(program, at, image, input.privileged)
  const trees = input.sources.map((source, index) => openSource(program, input, source, index))
  program.call('enter the root', 'chdir', at('/'))
  program.call('enter the root', 'pivot_root', '.', '.')
  program.call('leave the old root', 'umount2', '.', MNT_DETACH)
  program.call('enter the root', 'chdir', '/')

  for (const [index, { path, kind, early }] of plan.places.entries()) {
    const tree = trees[index]
    if (tree === undefined) continue
    if (!early) makeAll(program, '/', path, kind)
    program.call(`mount at ${path}`, 'move_mount', tree, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)
  }
}
