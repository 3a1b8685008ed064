import { join } from 'node:path'
import type { Program } from '../../kernel/launch/program.ts'
import { AT_FDCWD, MOUNT_ATTR_RDONLY, MOVE_MOUNT_F_EMPTY_PATH } from '../../kernel/launch/syscalls.ts'
import { addLayer } from './layer.ts'
import type { HostRootInput } from './input.ts'
import { bind, closeBehind, hide, make, makeAll, moveInto, restrict, workplace } from './mounting.ts'
import { covers, hostRoot } from './mountplan.ts'
import { ownDevices, ownFiles, procAndSys, sealFiles } from './own.ts'
import { devices, openSource } from './source.ts'

/** `image: host`: this machine's top directories, read-only, with a few directories of the container's own. */
export function enterHostRoot(program: Program, input: HostRootInput, kept: readonly number[]): void {
  const { root, machine, plan } = input
  const at = (path: string): string => join(root, 'r', path)
  workplace(program, root)
  program.call('make the root', 'mkdir', at('/'), 0o755)
  bind(program, 'mount the root', at('/'), at('/'))
  for (const entry of machine.entries) {
    const [here, there] = [`/${entry.name}`, at(entry.name)]
    if (entry.kind === 'link') program.call(`link ${here}`, 'symlink', entry.to ?? '', there)
    else if (plan.layers.includes(here)) make(program, there, entry.kind)
    else {
      make(program, there, entry.kind)
      bind(program, `mount ${here}`, here, there)
    }
  }
  for (const name of hostRoot.own) make(program, at(name), 'directory')
  for (const [index, layer] of plan.layers.entries()) addLayer(program, input, layer, index)
  for (const place of plan.places) if (place.early) makeAll(program, at('/'), place.path, place.kind)
  for (const mask of machine.mask) if (!hostRoot.own.some((own) => covers(own, mask))) hide(program, at(mask), mask)
  restrict(program, 'make the root read-only', at('/'), MOUNT_ATTR_RDONLY | devices(input))

  ownFiles(program, at, machine)
  ownDevices(program, at, machine, input.privileged)
  procAndSys(program, at, machine, input.privileged)
  const trees = input.sources.map((source, index) => openSource(program, input, source, index))
  moveInto(program, at('/'))
  for (const [index, { path, kind, early }] of plan.places.entries()) {
    const tree = trees[index]
    if (tree === undefined) continue
    if (!early) makeAll(program, '/', path, kind)
    program.call(`mount at ${path}`, 'move_mount', tree, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)
  }
  closeBehind(program, kept)
  if (input.readOnly) sealFiles(program, machine, (path) => plan.places.some((place) => place.path === path))
}
