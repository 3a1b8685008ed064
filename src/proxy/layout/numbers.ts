import { type Packed, packU32, unpackU32 } from '../../kernel/nftables/packed.ts'
import type { Datum } from '../../kernel/nftables/ruleset.ts'

// What the map `services` holds for a flow, in 32 bits: which port of a service it is (20), whether only its endpoints on this node
// may serve (1), and in which way one of them is picked (11).

/** Which of a port's two lists of endpoints: all that may serve, or those of this node alone (traffic policy Local). */
export type Scope = 'cluster' | 'local'

const wayBits = 11
export const maxPort: number = (1 << (32 - wayBits - 1)) - 1
/** Masks as rules use them; that of ways is the highest way, too. */
export const wayMask: number = (1 << wayBits) - 1
export const listMask: number = ~wayMask >>> 0
export const portMask: number = (listMask << 1) >>> 0

/** The number of one list of endpoints of a port: the first part of the keys of `endpoints`, `numbers` and `remembered`. */
export function listNumber(port: number, scope: Scope): number {
  return ((port << (wayBits + 1)) | (scope === 'local' ? 1 << wayBits : 0)) >>> 0
}

/** What `services` and `inside` hold. */
export function serviceValue(list: number, way: number): Packed {
  return packU32(list | way)
}

export function wayOf(value: Datum | undefined): number {
  return typeof value === 'string' ? unpackU32(value) & wayMask : 0
}

export function portOf(value: Datum | undefined): number {
  return typeof value === 'string' ? unpackU32(value) >>> (wayBits + 1) : 0
}

export function listOf(value: Packed): number {
  return (unpackU32(value) & listMask) >>> 0
}

/** A key of `endpoints`, `numbers` (with a slot) or `remembered` (with an endpoint's number). */
export function listKey(list: number, at: number): Packed {
  return (packU32(list) + packU32(at)) as Packed
}
