import { KubehopError } from '../../base/errors.ts'

const NLA_TYPE_MASK = 0x3fff
const headerSize = 4

/**
 * Where the attributes of one run lie: at twice the type the start of its payload, or 0 when it is absent, and behind it the length.
 * A table has hundreds of thousands of entries of eight runs each, so one such list is used again and again: with `Attributes`, which makes
 * a dozen objects for each entry, a table takes half as long again.
 */
export type Places = Int32Array

/** For attribute types up to `last`; those above it are passed over. */
export function placesFor(last: number): Places {
  return new Int32Array(2 * (last + 1))
}

/** Finds the attributes between `start` and `end`. One that points outside is an error, never a read of what lies behind. */
export function locate(view: DataView, start: number, end: number, places: Places): void {
  places.fill(0)
  let at = start
  while (at + headerSize <= end) {
    const length = view.getUint16(at, true)
    const type = view.getUint16(at + 2, true) & NLA_TYPE_MASK
    if (length < headerSize || at + length > end) throw malformed(`attribute ${type} of ${length} bytes at byte ${at}`)
    if (2 * type < places.length) {
      places[2 * type] = at + headerSize
      places[2 * type + 1] = length - headerSize
    }
    at += (length + 3) & ~3
  }
}

/** Finds what is in a nested attribute; `false`, and nothing found, when it is absent. */
export function locateIn(view: DataView, outer: Places, type: number, places: Places): boolean {
  const start = outer[2 * type] as number
  locate(view, start, start + (outer[2 * type + 1] as number), places)
  return start !== 0
}

/** The start of a payload of at least `size` bytes; 0 when the attribute is absent. */
export function placeOf(places: Places, type: number, size: number): number {
  const at = places[2 * type] as number
  if (at !== 0 && (places[2 * type + 1] as number) < size)
    throw malformed(`attribute ${type} has ${places[2 * type + 1]} bytes, not ${size}`)
  return at
}

export function u8(view: DataView, places: Places, type: number): number | undefined {
  const at = placeOf(places, type, 1)
  return at === 0 ? undefined : view.getUint8(at)
}

export function be16(view: DataView, places: Places, type: number): number | undefined {
  const at = placeOf(places, type, 2)
  return at === 0 ? undefined : view.getUint16(at)
}

export function be32(view: DataView, places: Places, type: number): number | undefined {
  const at = placeOf(places, type, 4)
  return at === 0 ? undefined : view.getUint32(at)
}

export function malformed(what: string): KubehopError {
  return new KubehopError('kernel', 'read conntrack', 'Malformed', `malformed: ${what}`)
}
