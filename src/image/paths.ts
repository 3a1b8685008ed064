import { refuse, shown } from './refuse.ts'

// limits.h, of the kernel
const maxName = 255
const maxPath = 4096

/** The parts of a path inside an image, without `.` and empty ones; refused when it could lead anywhere else. */
export function partsOf(path: string): string[] {
  if (path.includes('\0')) throw refuse('BadName', `the name ${shown(path)} has a NUL byte in it`)
  if (path.startsWith('/'))
    throw refuse('LeadsOut', `${shown(path)} is an absolute path: names in an archive are relative`)
  const parts = path.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..')) throw refuse('LeadsOut', `${shown(path)} leads out of the image with ".."`)
  if (Buffer.byteLength(path) >= maxPath || parts.some((part) => Buffer.byteLength(part) > maxName))
    throw refuse('BadName', `the name ${shown(path)} is longer than Linux takes`)
  return parts
}

/**
 * Where a link leads to that lies in `directory`, with the image as root; undefined when it climbs out. Absolute ones mean the image's root:
 * that is how a container sees them.
 */
export function followLink(directory: readonly string[], link: string): string[] | undefined {
  const parts = link.startsWith('/') ? [] : [...directory]
  for (const part of link.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.length === 0 && !link.startsWith('/')) return undefined
    else parts.pop()
  }
  return parts
}
