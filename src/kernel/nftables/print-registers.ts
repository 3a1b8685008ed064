import { type Packed, pack } from './packed.ts'
import { printFields, printValue, type ValueType } from './print-value.ts'
import { type FieldType, wordsOf } from './fields.ts'

// What the registers hold while a rule is printed, in words.

export interface Held {
  readonly say: string
  readonly type?: ValueType
  /** How it reads depends on what it is used for. */
  readonly constant?: Packed
  /** Something was done to its bits. */
  readonly masked?: true
  /** That was a mask, and what was said before it. */
  readonly mask?: Packed
  readonly unmasked?: string
  /** A further field of the value in that register. */
  readonly behind?: number
}

export type Registers = Map<number, Held>

function held(registers: Registers, at: number): Held {
  return registers.get(at) ?? { say: `(register ${at})` }
}

/** What one register holds, where a value of this type is wanted. */
export function constant(registers: Registers, at: number, type: ValueType | undefined): string {
  const { say, constant: value } = held(registers, at)
  return value === undefined ? say : printValue(value, type)
}

/** What these fields hold, as a key or a value. */
export function concatenated(
  registers: Registers,
  from: number,
  fields: readonly FieldType[] | undefined,
): { say: string; masked: boolean } {
  if (fields === undefined) return { say: held(registers, from).say, masked: false }
  const parts: string[] = []
  for (let at = from, i = 0; i < fields.length; i++) {
    const field = fields[i] as FieldType
    const { constant: value, behind } = held(registers, at)
    const words = wordsOf(field)
    // One constant may fill the registers of several fields.
    if (value !== undefined && value.length > words * 4) {
      parts.push(printFields(value, fields.slice(i)))
      break
    }
    // What a map gave for this and the fields before it has been said.
    if (behind === undefined || parts.length === 0) parts.push(constant(registers, at, field))
    at += words
  }
  return { say: parts.join(' . '), masked: fields.length === 1 && held(registers, from).masked === true }
}

/** What a map has for a key takes as many registers as its fields need. */
export function mapped(
  registers: Registers,
  to: number,
  say: string,
  fields: readonly FieldType[] | 'verdict' | undefined,
): void {
  const [first, ...rest] = fields === 'verdict' || fields === undefined ? [] : fields
  registers.set(to, { say, ...(first ? { type: first } : {}) })
  let at = to + (first ? wordsOf(first) : 1)
  for (const type of rest) {
    registers.set(at, { say, type, behind: to })
    at += wordsOf(type)
  }
}

/** `(value & mask) ^ xor`, in the order of nft's operators: it tells bits that are set (`|`) from bits that are turned (`^`). */
export function masked(registers: Registers, from: number, mask: Packed, xor: Packed): Held {
  const { say, type } = held(registers, from)
  const each = (body: (mask: number, xor: number) => number): Packed =>
    pack(Uint8Array.from(mask, (char, i) => body(char.charCodeAt(0), xor.charCodeAt(i))))
  const set = each((m, x) => ~m & x)
  const turned = each((m, x) => m & x)
  const kept = each((m, x) => m | (~m & x))
  const operands = [
    ...(isAll(kept, 0xff) ? [] : [`& ${printValue(kept, type)}`]),
    ...(isAll(turned, 0) ? [] : [`^ ${printValue(turned, type)}`]),
    ...(isAll(set, 0) ? [] : [`| ${printValue(set, type)}`]),
  ]
  return {
    say: [say, ...operands].join(' '),
    ...(operands.length > 0 ? { masked: true as const } : {}),
    ...(type ? { type } : {}),
    ...(isAll(xor, 0) ? { mask, unmasked: say } : {}),
  }
}

function isAll(packed: Packed, byte: number): boolean {
  for (let i = 0; i < packed.length; i++) if (packed.charCodeAt(i) !== byte) return false
  return true
}
