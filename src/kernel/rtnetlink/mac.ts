declare const kind: unique symbol
/** An Ethernet address in lower case: `0a:58:64:60:01:02`. */
export type Mac = string & { readonly [kind]: 'Mac' }

/** The address in canonical form, or undefined when the text is none. */
export function parseMac(text: string): Mac | undefined {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) ? (text.toLowerCase() as Mac) : undefined
}

/** {@link parseMac} for text that is known to be one; throws a TypeError otherwise. */
export function mac(text: string): Mac {
  const parsed = parseMac(text)
  if (parsed === undefined) throw new TypeError(`"${text}" is not an Ethernet address`)
  return parsed
}

export function macBytes(of: Mac): Uint8Array {
  return Uint8Array.from(of.split(':'), (part) => Number.parseInt(part, 16))
}

const hex = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** Six bytes as text; undefined for any other length (tunnel devices carry an IP address there). */
export function macFromBytes(bytes: Uint8Array | undefined): Mac | undefined {
  if (bytes?.length !== 6) return undefined
  let text = ''
  for (const byte of bytes) text += `${text === '' ? '' : ':'}${hex[byte]}`
  return text as Mac
}
