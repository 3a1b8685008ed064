import type { HostImage } from './host-image.ts'
import type { MountPlan } from './mountplan.ts'
import type { Source } from './source.ts'

export interface AnyRoot {
  machine: HostImage
  /** An empty directory that only this container uses. */
  root: string
  plan: MountPlan
  /** For each of the plan's places; undefined for what the root has there itself. */
  sources: readonly (Source | undefined)[]
  /** Leave /proc and /sys as they are, and give all devices. */
  privileged: boolean
  /** Nothing in it can be written but its volumes. */
  readOnly: boolean
}

/** A root of this machine's own files. */
export interface HostRootInput extends AnyRoot {
  kind: 'host'
  /** For each of the plan's layers: whether this machine allows an overlay there. */
  overlay: (directory: string) => boolean
}

/** A root of an image's layers with a writable one on top. */
export interface ImageRootInput extends AnyRoot {
  kind: 'image'
  /** Directories, the top one first. */
  layers: readonly string[]
  /** A file that is shared (flock(2)) as long as the container runs: the layers stay. */
  hold: string
  /** In a user namespace overlayfs keeps its notes in `user.` attributes; others it may not write. */
  userXattr: boolean
  /** Where the container starts: made when the image does not have it. */
  cwd: string
}

export type RootInput = HostRootInput | ImageRootInput
