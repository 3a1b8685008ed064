import type { Attributes } from '../../netlink/reader.ts'
import type { MessageWriter } from '../../netlink/writer.ts'

/** Writes and reads the attributes of one kind of expression (NFTA_EXPR_DATA). */
export interface Codec<E> {
  write(writer: MessageWriter, expr: E): void
  read(attributes: Attributes): E
}

/** A number for each name, and back; a number without a name is undefined. */
export function nameIn<Names extends Readonly<Record<string, number>>>(
  names: Names,
  value: number | undefined,
): keyof Names | undefined {
  return Object.keys(names).find((name) => names[name] === value)
}
