import { flags } from '../wire/message.ts'
import { readName } from '../wire/name.ts'
import { Query } from '../wire/query.ts'
import type { Asker, Handler, Said } from './handler.ts'

/** Asks in their order; the first that says something has the last word. undefined: none of them has. */
export async function askInOrder(handlers: readonly Handler[], query: Query, asker: Asker): Promise<Said | undefined> {
  for (const handler of handlers) {
    const said = await handler.handle(query, asker)
    if (said) return said
  }
  return undefined
}

/** The question for another name in place of `query`'s. `name`: in wire form, one character per byte, in lower case. */
export function questionFor(name: string, { bytes, type, class: of }: Query): Query {
  const end = 12 + name.length + 4
  const out = Buffer.alloc(end)
  bytes.copy(out, 0, 0, 4)
  // A signature is over the name that was asked for: it is of no use under an alias that is made here.
  out.writeUInt16BE(out.readUInt16BE(2) & (flags.RD | flags.CD), 2)
  out.writeUInt16BE(1, 4)
  out.write(name, 12, 'latin1')
  out.writeUInt16BE(type, end - 4)
  out.writeUInt16BE(of, end - 2)
  return new Query(out, out, end, undefined)
}

/** The name that is asked for, as records have it. */
export function nameText({ bytes }: Query): string {
  return readName(bytes, 12)?.text ?? ''
}
