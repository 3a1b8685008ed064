// Bytes that the kernel keeps for whoever wrote an object, in the form that nft understands: type, length, value, each a byte
// (libnftnl's udata). A comment is what turns a traced rule's handle into words.

/** Where each kind of object has its comment (libnftnl/udata.h). */
export const commentType = { table: 0, chain: 0, rule: 0, element: 0, set: 7 } as const
const maxComment = 128 // NFTNL_UDATA_COMMENT_MAXLEN, the NUL included

export interface Entry {
  readonly type: number
  readonly value: Uint8Array
}

export function writeUserdata(entries: readonly Entry[]): Uint8Array {
  return Uint8Array.from(entries.flatMap(({ type, value }) => [type, value.length, ...value]))
}

/** Entries up to the first that does not fit: userdata is free-form, another program's may look otherwise. */
export function readUserdata(bytes: Uint8Array): Entry[] {
  const entries: Entry[] = []
  for (let at = 0; at + 2 <= bytes.length; ) {
    const length = bytes[at + 1] ?? 0
    if (at + 2 + length > bytes.length) break
    entries.push({ type: bytes[at] ?? 0, value: bytes.subarray(at + 2, at + 2 + length) })
    at += 2 + length
  }
  return entries
}

/** The comment as nft stores it, cut at a character's end where it is too long for the kernel. */
export function commentEntry(type: number, comment: string): Entry {
  let bytes = new TextEncoder().encode(comment)
  if (bytes.length >= maxComment) {
    let end = maxComment - 1
    while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--
    bytes = bytes.slice(0, end)
  }
  return { type, value: Uint8Array.of(...bytes, 0) }
}

export function commentIn(bytes: Uint8Array | undefined, type: number): string | undefined {
  const entry = bytes && readUserdata(bytes).find((candidate) => candidate.type === type)
  if (entry === undefined) return undefined
  const end = entry.value.indexOf(0)
  return new TextDecoder().decode(end < 0 ? entry.value : entry.value.subarray(0, end))
}
