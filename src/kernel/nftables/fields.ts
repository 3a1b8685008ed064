import { malformed } from './data.ts'

/** Types of fields: nft's number for each (enum datatypes), by which it prints elements, and its length in bytes. */
export const fieldTypes = {
  integer: { id: 4, length: 4 },
  ether_addr: { id: 9, length: 6 },
  ifname: { id: 41, length: 16 },
  ipv4_addr: { id: 7, length: 4 },
  ipv6_addr: { id: 8, length: 16 },
  inet_proto: { id: 12, length: 1 },
  inet_service: { id: 13, length: 2 },
  mark: { id: 19, length: 4 },
} as const
export type FieldType = keyof typeof fieldTypes
const bitsPerType = 6 // TYPE_BITS of nft: how a concatenation's types share one number

/** Bytes of a key or value of these fields. One field alone is not padded. */
export function fieldsLength(fields: readonly FieldType[]): number {
  const [first] = fields
  if (fields.length === 1 && first) return fieldTypes[first].length
  return fields.reduce((all, field) => all + ((fieldTypes[field].length + 3) & ~3), 0)
}

/** How many registers of 32 bits a field takes. */
export function wordsOf(field: FieldType): number {
  return (fieldTypes[field].length + 3) >> 2
}

/** nft's one number for all fields. */
export function typeNumber(fields: readonly FieldType[]): number {
  // 32 bits hold five types.
  if (fields.length === 0 || fields.length > 5) throw malformed(`a concatenation of ${fields.length} fields`)
  return fields.reduce((all, field) => (all << bitsPerType) | fieldTypes[field].id, 0) >>> 0
}

/** The inverse; undefined where a type is not known. */
export function fieldsOf(number: number): FieldType[] | undefined {
  const fields: FieldType[] = []
  for (let rest = number; rest !== 0; rest >>>= bitsPerType) {
    const id = rest & ((1 << bitsPerType) - 1)
    const name = (Object.keys(fieldTypes) as FieldType[]).find((candidate) => fieldTypes[candidate].id === id)
    if (name === undefined) return undefined
    fields.unshift(name)
  }
  return fields.length > 0 ? fields : undefined
}
