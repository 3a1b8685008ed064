import { KubehopError } from '../../base/errors.ts'

// Everything read is checked: a length that points outside its message is an error, never a read of what lies behind it.

const headerSize = 16
const attributeSize = 4
const NLA_TYPE_MASK = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER
/** Deep enough for nf_tables' rules (attribute in expression in list in rule); deeper is not a message but an attack. */
const maxDepth = 16

const decoder = new TextDecoder()

/** One netlink message. `body` is what follows the 16-byte header. */
export interface Message {
  readonly type: number
  readonly flags: number
  readonly seq: number
  /** Port id of the socket it answers; 0 from the kernel itself. */
  readonly pid: number
  readonly body: Uint8Array
}

/** Cuts a datagram into its messages. */
export function parseMessages(bytes: Uint8Array): Message[] {
  const view = viewOf(bytes)
  const messages: Message[] = []
  let at = 0
  while (at < bytes.length) {
    const length = at + headerSize <= bytes.length ? view.getUint32(at, true) : 0
    if (length < headerSize || at + length > bytes.length) throw malformed(`message at byte ${at} of ${bytes.length}`)
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      seq: view.getUint32(at + 8, true),
      pid: view.getUint32(at + 12, true),
      body: bytes.subarray(at + headerSize, at + length),
    })
    at += (length + 3) & ~3
  }
  return messages
}

/** A checked view of a run of attributes. Getters return undefined when the attribute is absent. */
export class Attributes {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #depth: number
  /** Type, then start and length of the payload; the kernel repeats a type only in lists. */
  readonly #at: { type: number; start: number; length: number }[] = []

  constructor(bytes: Uint8Array, depth = 0) {
    if (depth > maxDepth) throw malformed('attributes nested too deeply')
    this.#bytes = bytes
    this.#view = viewOf(bytes)
    this.#depth = depth
    let at = 0
    while (at + attributeSize <= bytes.length) {
      const length = this.#view.getUint16(at, true)
      const type = this.#view.getUint16(at + 2, true) & NLA_TYPE_MASK
      if (length < attributeSize || at + length > bytes.length)
        throw malformed(`attribute ${type} of ${length} bytes at byte ${at} of ${bytes.length}`)
      this.#at.push({ type, start: at + attributeSize, length: length - attributeSize })
      at += (length + 3) & ~3
    }
  }

  has(type: number): boolean {
    return this.#find(type) !== undefined
  }

  u8(type: number): number | undefined {
    const at = this.#sized(type, 1)
    return at && this.#view.getUint8(at)
  }

  u16(type: number): number | undefined {
    const at = this.#sized(type, 2)
    return at && this.#view.getUint16(at, true)
  }

  u32(type: number): number | undefined {
    const at = this.#sized(type, 4)
    return at && this.#view.getUint32(at, true)
  }

  i32(type: number): number | undefined {
    const at = this.#sized(type, 4)
    return at && this.#view.getInt32(at, true)
  }

  u64(type: number): bigint | undefined {
    const at = this.#sized(type, 8)
    return at === undefined ? undefined : this.#view.getBigUint64(at, true)
  }

  be16(type: number): number | undefined {
    const at = this.#sized(type, 2)
    return at && this.#view.getUint16(at)
  }

  be32(type: number): number | undefined {
    const at = this.#sized(type, 4)
    return at && this.#view.getUint32(at)
  }

  be64(type: number): bigint | undefined {
    const at = this.#sized(type, 8)
    return at === undefined ? undefined : this.#view.getBigUint64(at)
  }

  /** Text up to its first NUL. */
  string(type: number): string | undefined {
    const bytes = this.bytes(type)
    return bytes && textIn(bytes)
  }

  /** A view, not a copy. */
  bytes(type: number): Uint8Array | undefined {
    const found = this.#find(type)
    return found && this.#bytes.subarray(found.start, found.start + found.length)
  }

  nested(type: number): Attributes | undefined {
    const bytes = this.bytes(type)
    return bytes && new Attributes(bytes, this.#depth + 1)
  }

  /** Every attribute in order, for lists that repeat one type (NFTA_LIST_ELEM) or number their entries. */
  *entries(): Generator<{ type: number; bytes: Uint8Array; nested(): Attributes }> {
    for (const { type, start, length } of this.#at) {
      const bytes = this.#bytes.subarray(start, start + length)
      yield { type, bytes, nested: () => new Attributes(bytes, this.#depth + 1) }
    }
  }

  #find(type: number): { start: number; length: number } | undefined {
    for (const found of this.#at) if (found.type === type) return found
    return undefined
  }

  /** Where the payload starts: never 0, because a header stands before it. Longer than asked is fine, as in the kernel's own checks. */
  #sized(type: number, size: number): number | undefined {
    const found = this.#find(type)
    if (found === undefined) return undefined
    if (found.length < size) throw malformed(`attribute ${type} has ${found.length} bytes, not ${size}`)
    return found.start
  }
}

/**
 * Where the attributes of some types are in a run of them, without an object for each: for messages of many attributes of which few are asked
 * for. `found` is filled with start and end of each type's payload, by the place of the type in `types`; 0 and 0 when it is absent.
 */
export function findAttributes(
  view: DataView,
  from: number,
  to: number,
  types: readonly number[],
  found: Uint32Array,
): void {
  found.fill(0)
  for (let at = from; at + attributeSize <= to; ) {
    const length = view.getUint16(at, true)
    const type = view.getUint16(at + 2, true) & NLA_TYPE_MASK
    if (length < attributeSize || at + length > to)
      throw malformed(`attribute ${type} of ${length} bytes at byte ${at} of ${to}`)
    const place = types.indexOf(type)
    if (place >= 0) {
      found[2 * place] = at + attributeSize
      found[2 * place + 1] = at + length
    }
    at += (length + 3) & ~3
  }
}

/** Text up to its first NUL. */
export function textIn(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  return decoder.decode(end < 0 ? bytes : bytes.subarray(0, end))
}

/** A view of a kind's fixed header at the start of a body, and the attributes behind it (aligned to 4). */
export function splitHeader(body: Uint8Array, size: number): { header: DataView; attributes: Attributes } {
  if (body.length < size) throw malformed(`a body of ${body.length} bytes, where a header has ${size}`)
  return { header: viewOf(body.subarray(0, size)), attributes: new Attributes(body.subarray((size + 3) & ~3)) }
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function malformed(what: string): KubehopError {
  return new KubehopError('kernel', 'read netlink', 'Malformed', `malformed: ${what}`)
}
