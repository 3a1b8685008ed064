import { join } from 'node:path'
import type { Program } from '../../kernel/launch/program.ts'
import {
  AT_FDCWD,
  AT_RECURSIVE,
  MOVE_MOUNT_F_EMPTY_PATH,
  MS_NODEV,
  MS_NOSUID,
  O_CLOEXEC,
  OPEN_TREE_CLONE,
} from '../../kernel/launch/syscalls.ts'
import type { ImageRootInput } from './input.ts'
import { bind, closeBehind, make, makeAll, moveInto, sealTop, workplace } from './mounting.ts'
import { imageRoot } from './mountplan.ts'
import { ownDevices, procAndSys } from './own.ts'
import { openSource } from './source.ts'

/**
 * As much as a container may write into its own files: this machine's memory, like /tmp of `image: host`, so it is limited in bytes and in files
 * (an empty file takes a kilobyte of the kernel's). Much data belongs in a volume.
 */
const writable = 'size=512m,nr_inodes=128k,mode=755'

/** How errors name the step that kernels without overlays refuse. */
export const overlayOp = "mount the image's layers"

/**
 * An image: its layers below, a writable one on top, in a mount that goes with the container. The image may have any link anywhere: not one
 * path of it is walked before it is the root.
 */
export function enterImageRoot(program: Program, input: ImageRootInput, kept: readonly number[]): void {
  const { root, machine, plan } = input
  const staged = (path: string): string => join(root, 's', path)
  workplace(program, root)
  overlay(program, input)
  make(program, staged('/'), 'directory')
  for (const name of imageRoot.own) make(program, staged(name), 'directory')
  ownDevices(program, staged, machine, input.privileged)
  procAndSys(program, staged, machine, input.privileged)
  const own = imageRoot.own.map((name) =>
    program.call(`open ${name}`, 'open_tree', AT_FDCWD, staged(name), OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE),
  )
  const trees = input.sources.map((source, index) => openSource(program, input, source, index))
  moveInto(program, join(root, 'r'))

  for (const [index, path] of imageRoot.own.entries()) {
    // A link or a file of the image there would send the mount elsewhere, and whoever looks for /proc later, too.
    program.attempt(`make ${path}`, 'unlink', path)
    program.attempt(`make ${path}`, 'mkdir', path, 0o755)
    place(program, own[index], path)
  }
  for (const [index, { path, kind }] of plan.places.entries()) {
    makeAll(program, '/', path, kind)
    const tree = trees[index]
    // A volume of the image itself: what it has there, in a mount that stays writable.
    if (tree === undefined) bind(program, `mount at ${path}`, path, path)
    else place(program, tree, path)
  }
  closeBehind(program, kept)
  makeAll(program, '/', input.cwd, 'directory')
  if (input.readOnly) sealTop(program, 'make the root read-only', '/')
}

/** For the shim: as long as it is there, nobody removes the layers, also when no agent runs. */
export function holdLayers(program: Program, { hold }: ImageRootInput): void {
  const file = program.attempt('hold the image', 'openat', AT_FDCWD, hold, O_CLOEXEC)
  program.attempt('hold the image', 'flock', file, LOCK_SH | LOCK_NB)
}

// include/uapi/asm-generic/fcntl.h
const LOCK_SH = 1
const LOCK_NB = 4

function place(program: Program, tree: ReturnType<Program['call']> | undefined, path: string): void {
  if (tree) program.call(`mount at ${path}`, 'move_mount', tree, '', AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH)
}

/** By short names, seen from the directory that they are in: all options of mount(2) must fit in one page. */
function overlay(program: Program, { root, layers, privileged, userXattr }: ImageRootInput): void {
  const links = join(root, 'l')
  for (const name of ['l', 'w', 'r']) make(program, join(root, name), 'directory')
  program.call('mount the writable layer', 'mount', 'kubehop', join(root, 'w'), 'tmpfs', MS_NOSUID | MS_NODEV, writable)
  for (const name of ['u', 'w']) make(program, join(root, 'w', name), 'directory')
  for (const [index, layer] of layers.entries())
    program.call(`link layer ${index}`, 'symlink', layer, join(links, String(index)))
  // An image may have no files at all, and an overlay needs a layer.
  if (layers.length === 0) make(program, join(links, '0'), 'directory')
  program.call('enter the layers', 'chdir', links)
  const names = layers.length === 0 ? ['0'] : [...layers.keys()].map(String)
  const options = `lowerdir=${names.join(':')},upperdir=../w/u,workdir=../w/w${userXattr ? ',userxattr' : ''}`
  // Device files that a container makes are for nobody (see source.ts), setuid programs of the image are for it.
  program.call(overlayOp, 'mount', 'kubehop', '../r', 'overlay', privileged ? 0 : MS_NODEV, options)
}
