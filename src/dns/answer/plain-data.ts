import { nameToWire, readName } from '../wire/name.ts'

/**
 * The data of a record without pointers into the message that it came in, so that it can stand in another one. Types of RFC 1035 and those that RFC 3597
 * section 4 names may have such pointers; of all other types the bytes mean the same everywhere. undefined: the data is malformed, or of a type that
 * nobody uses any more (SIG and NXT).
 */
export function plainData(message: Uint8Array, type: number, start: number, end: number): Uint8Array | undefined {
  if (obsolete.has(type)) return undefined
  const shape = shapes.get(type)
  if (!shape) return message.slice(start, end)
  const parts: Uint8Array[] = []
  let at = start
  for (const part of shape) {
    const read = readers[part](message, at)
    if (!read || read.end > end) return undefined
    parts.push(read.bytes)
    at = read.end
  }
  return at === end ? Uint8Array.from(Buffer.concat(parts)) : undefined
}

type Part = 'number' | 'string' | 'name'

const name: Part[] = ['name']
const preference: Part[] = ['number', 'name']
const shapes = new Map<number, readonly Part[]>([
  ...[3, 4, 7, 8, 9, 39].map((type) => [type, name] as const), // MD, MF, MB, MG, MR, DNAME
  ...[15, 18, 21, 36].map((type) => [type, preference] as const), // MX, AFSDB, RT, KX
  ...[14, 17].map((type) => [type, ['name', 'name'] as Part[]] as const), // MINFO, RP
  [26, ['number', 'name', 'name']], // PX
  [35, ['number', 'number', 'string', 'string', 'string', 'name']], // NAPTR
])
const obsolete = new Set([24, 30])

const readers = {
  number: (message, at) => ({ bytes: message.slice(at, at + 2), end: at + 2 }),
  string(message, at) {
    const end = at + 1 + (message[at] ?? 0)
    return { bytes: message.slice(at, end), end }
  },
  name(message, at) {
    const read = readName(message, at)
    const bytes = read && nameToWire(read.text)
    return bytes && { bytes, end: read.end }
  },
} satisfies Record<Part, (message: Uint8Array, at: number) => { bytes: Uint8Array; end: number } | undefined>
