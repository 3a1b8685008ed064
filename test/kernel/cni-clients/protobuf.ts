/** A message of protobuf as its fields: number, then text, another message, or a whole number. */
export type Message = readonly (readonly [number, string | Buffer | number])[]

export function encode(message: Message): Buffer {
  return Buffer.concat(
    message.map(([field, value]) => {
      if (typeof value === 'number') return Buffer.concat([varint(field * 8), varint(value)])
      const bytes = Buffer.from(value)
      return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes])
    }),
  )
}

/** The values of each field, in their order: bytes, or a whole number. */
export function decode(bytes: Buffer): Map<number, (Buffer | number)[]> {
  const fields = new Map<number, (Buffer | number)[]>()
  let at = 0
  const whole = (): number => {
    let [value, unit] = [0, 1]
    for (;;) {
      const byte = bytes.readUInt8(at++)
      value += (byte & 0x7f) * unit
      if (byte < 0x80) return value
      unit *= 128
    }
  }
  while (at < bytes.length) {
    const key = whole()
    const kind = key & 7
    const values = fields.get(key >> 3) ?? []
    fields.set(key >> 3, values)
    const number = whole()
    if (kind === 0) values.push(number)
    else if (kind === 2) values.push(bytes.subarray(at, (at += number)))
    else throw new Error(`a protobuf field of kind ${kind}`)
  }
  return fields
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80)
  return Buffer.from([...bytes, value])
}
