// Domain names. Text form: labels joined by dots, no dot at the end, '' is the root; a byte that is no printable ASCII, a
// dot or a backslash inside a label is written \DDD, \. or \\ (RFC 4343 section 2.1). Wire form: RFC 1035 section 3.1.

const maxWire = 255
const maxLabel = 63
const maxLabels = 127
const headerLength = 12

/** The wire form, or undefined for what is no name: an empty or long label, more than 255 bytes, a bad escape. */
export function nameToWire(text: string): Uint8Array | undefined {
  const labels = labelsOf(text)
  if (!labels) return undefined
  const size = labels.reduce((sum, label) => sum + label.length + 1, 1)
  if (size > maxWire || labels.some((label) => label.length === 0 || label.length > maxLabel)) return undefined
  const wire = new Uint8Array(size)
  let at = 0
  for (const label of labels) {
    wire[at++] = label.length
    wire.set(label, at)
    at += label.length
  }
  return wire
}

/** The wire form as text, one character per byte, as `Query.name` has it: what names are looked up by. undefined as for {@link nameToWire}. */
export function wireName(text: string): string | undefined {
  const wire = nameToWire(text)
  return wire && Buffer.from(wire.buffer).toString('latin1')
}

export interface ReadName {
  text: string
  /** The first byte behind the name at its own place (behind the pointer, when it is compressed). */
  end: number
}

/**
 * The name at `at`, following compression pointers; undefined when it leaves the message, is too long, has a reserved label
 * type, or a pointer that does not point backward (which bounds the work: RFC 1035 section 4.1.4 allows prior names only) or
 * points into the header, whose bytes change from hop to hop.
 */
export function readName(message: Uint8Array, at: number): ReadName | undefined {
  const labels: string[] = []
  let size = 1
  let end = -1
  let floor = at
  let pointers = 0
  for (;;) {
    const length = message[at]
    if (length === undefined) return undefined
    if (length === 0) return { text: labels.join('.'), end: end < 0 ? at + 1 : end }
    if (length >= 0xc0) {
      const low = message[at + 1]
      if (low === undefined) return undefined
      if (end < 0) end = at + 2
      const target = ((length & 0x3f) << 8) | low
      // No name has more labels; many names that all end in one long chain would keep a reader busy.
      if (target >= floor || target < headerLength || ++pointers > maxLabels) return undefined
      floor = at = target
      continue
    }
    if (length > maxLabel || at + 1 + length > message.length) return undefined
    size += length + 1
    if (size > maxWire) return undefined
    labels.push(labelText(message, at + 1, at + 1 + length))
    at += 1 + length
  }
}

/** The first byte behind the name at `at` without looking at what a pointer points to; -1 when it is malformed. */
export function skipName(message: Uint8Array, at: number): number {
  for (const start = at; ; ) {
    const length = message[at]
    if (length === undefined) return -1
    if (length === 0) return at + 1
    if (length >= 0xc0) return at + 2 <= message.length ? at + 2 : -1
    if (length > maxLabel) return -1
    at += 1 + length
    if (at - start >= maxWire) return -1
  }
}

/** ASCII letters only, as DNS compares (RFC 4343). */
export function lowerName(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text
}

function labelsOf(text: string): Uint8Array[] | undefined {
  if (text === '' || text === '.') return []
  const body = /(^|[^\\])(\\\\)*\.$/.test(text) ? text.slice(0, -1) : text
  if (!body.includes('\\')) return /^[\x21-\x7e]*$/.test(body) ? body.split('.').map(bytesOf) : undefined
  const labels: number[][] = [[]]
  for (let at = 0; at < body.length; ) {
    const escape = /^\\(?:(\d{3})|(\D))/.exec(body.slice(at, at + 4))
    const code = escape ? (escape[1] !== undefined ? Number(escape[1]) : escape[2]?.charCodeAt(0)) : body.charCodeAt(at)
    if (code === undefined || code > 255 || (!escape && (code === 0x5c || code < 0x21 || code > 0x7e))) return undefined
    if (!escape && code === 0x2e) labels.push([])
    else labels.at(-1)?.push(code)
    at += escape ? escape[0].length : 1
  }
  return labels.map((label) => Uint8Array.from(label))
}

function bytesOf(label: string): Uint8Array {
  return Buffer.from(label, 'latin1')
}

function labelText(message: Uint8Array, start: number, end: number): string {
  let text = ''
  for (let at = start; at < end; at++) {
    const byte = message[at] ?? 0
    if (byte === 0x2e || byte === 0x5c) text += `\\${String.fromCharCode(byte)}`
    else if (byte > 0x20 && byte < 0x7f) text += String.fromCharCode(byte)
    else text += `\\${String(byte).padStart(3, '0')}`
  }
  return text
}
