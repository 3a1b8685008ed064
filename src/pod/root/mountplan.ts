import { KubehopError } from '../../base/errors.ts'

/** The files of a root, as far as a plan must know them. */
export interface FileView {
  /** Without following a link. */
  kind(path: string): FileKind | undefined
  readlink(path: string): string
}
export type FileKind = 'directory' | 'file' | 'link' | 'other'

/** Something that shall appear at a path inside a container. */
export interface Target {
  path: string
  kind: 'directory' | 'file'
}

/** A place inside the container's root, links resolved. */
export interface Place extends Target {
  /** Made before the root becomes read-only; otherwise it lies in something writable and is made when all is mounted. */
  early: boolean
}

export interface MountPlan {
  /** The targets' places, in their order. */
  places: Place[]
  /** Directories of this machine that need a writable layer, outer ones first, because mount points are missing in them. */
  layers: string[]
}

/** What a container's root is made of. */
export interface RootKind {
  /** For refusals: `on this machine`. */
  where: string
  /** Directories made anew for every container: what the root has there does not count. */
  own: readonly string[]
  /** Those of them in which anything can be made. */
  writable: readonly string[]
  /** A mount point that is missing needs a writable layer first. */
  readOnly: boolean
}
export const hostRoot: RootKind = {
  where: 'on this machine',
  own: ['/dev', '/proc', '/run', '/sys', '/tmp'],
  writable: ['/dev', '/run', '/tmp'],
  readOnly: true,
}
export const imageRoot: RootKind = {
  where: 'in the image',
  own: ['/dev', '/proc', '/sys'],
  writable: ['/dev'],
  readOnly: false,
}

/** As many links as the kernel follows in one path (path_resolution(7)). */
const maxLinks = 40

/**
 * Where mounts can go in a root. A place that exists is used as it is; one that does not is made: freely where the root can be written, at the top, in
 * an own directory, and inside an earlier target; elsewhere in a writable layer over the deepest directory that exists. Throws CreateContainerConfigError for a place that cannot be. Targets must come parents first.
 */
export function planMounts(targets: readonly Target[], files: FileView, root: RootKind): MountPlan {
  const layers = new Set<string>()
  const taken: Place[] = []
  for (const target of targets) taken.push(placeOf(target, files, root, taken, layers))
  return { places: taken, layers: [...layers].sort((a, b) => depth(a) - depth(b)) }
}

/** Parents before what lies in them, otherwise as given. */
export function parentsFirst<T extends { path: string }>(targets: readonly T[]): T[] {
  return [...targets].sort((a, b) => depth(a.path) - depth(b.path))
}

function placeOf(
  target: Target,
  files: FileView,
  { where, own, writable, readOnly }: RootKind,
  earlier: readonly Place[],
  layers: Set<string>,
): Place {
  let path = '/'
  let rest = partsOf(target.path)
  let existing = '/' // the deepest directory on the way
  let links = 0
  for (;;) {
    const [next, ...after] = rest
    if (next === undefined) break
    const here = join(path, [next])
    rest = after
    const free =
      writable.includes(here) || earlier.some((place) => place.kind === 'directory' && covers(place.path, here))
    if (free) return { path: join(here, rest), kind: target.kind, early: false }
    if (own.includes(here)) {
      path = existing = here
      continue
    }
    const kind = files.kind(here)
    if (kind === 'link') {
      if (++links > maxLinks) throw refusal(target, 'too many symbolic links')
      const to = files.readlink(here)
      // Inside the container the link starts again at the container's own root.
      rest = [...linkTarget(path, to), ...rest]
      path = existing = '/'
      continue
    }
    const last = rest.length === 0
    if (kind === undefined) {
      if (readOnly && existing !== '/') layers.add(existing)
      refuseOwn(here, target)
      return { path: join(here, rest), kind: target.kind, early: true }
    }
    if (kind === 'directory') existing = here
    else if (!last) throw refusal(target, `${here} is no directory ${where}`)
    if (last && (kind === 'directory') !== (target.kind === 'directory'))
      throw refusal(target, `${here} is a ${kind === 'directory' ? 'directory' : 'file'} ${where}`)
    path = here
  }
  if (path === '/') throw refusal(target, 'nothing can be mounted over the root itself')
  refuseOwn(path, target)
  return { path, kind: target.kind, early: true }
}

/** Where a path leads when each link on the way is followed inside the root; undefined when it leads to nothing. */
export function follow(path: string, files: FileView): string | undefined {
  let at = '/'
  let rest = path.split('/').filter((part) => part !== '' && part !== '.')
  let links = 0
  for (let next = rest.shift(); next !== undefined; next = rest.shift()) {
    if (next === '..') {
      at = join('/', at.split('/').filter(Boolean).slice(0, -1))
      continue
    }
    const here = join(at, [next])
    const kind = files.kind(here)
    if (kind === 'link') {
      if (++links > maxLinks) return undefined
      rest = [...linkTarget(at, files.readlink(here)), ...rest]
      at = '/'
    } else if (kind === undefined || (kind !== 'directory' && rest.length > 0)) return undefined
    else at = here
  }
  return at
}

function refuseOwn(path: string, target: Target): void {
  if (covers('/proc', path) || covers('/sys', path)) throw refusal(target, 'nothing can be mounted in /proc or /sys')
}

function partsOf(path: string): string[] {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (path.includes('\0') || parts.includes('..') || parts.some((part) => part.length > 255) || path.length > 4095)
    throw refusal({ path, kind: 'directory' }, 'this is no path to mount at')
  return parts
}

/** Where a link in a directory leads, as parts below the root; `..` stops there. */
function linkTarget(directory: string, link: string): string[] {
  const parts = link.startsWith('/') ? [] : directory.split('/').filter(Boolean)
  for (const part of link.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts
}

export function covers(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`)
}

function join(path: string, rest: readonly string[]): string {
  return rest.length === 0 ? path : `${path === '/' ? '' : path}/${rest.join('/')}`
}

function depth(path: string): number {
  return path.split('/').filter(Boolean).length
}

function refusal(target: Target, say: string): KubehopError {
  return new KubehopError('pod', 'mount', 'CreateContainerConfigError', `mount at ${target.path}: ${say}`)
}
