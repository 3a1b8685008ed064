/** What a test wants in a tar archive; also what no honest program writes. */
export interface Member {
  path: string
  /** A letter of ustar; default: a file. */
  type?: string
  body?: Buffer | string
  link?: string
  mode?: number
  /** What the header says, when not the truth. */
  size?: number
  mtime?: number
  uid?: number
  /** Records of an extended header before it. */
  pax?: Record<string, string | Buffer>
}

/** A tar archive as bytes, with long names as pax records. */
export function tar(members: readonly Member[]): Buffer {
  return Buffer.concat([...members.flatMap(blocks), Buffer.alloc(1024)])
}

function blocks(member: Member): Buffer[] {
  const records = { ...member.pax }
  if (Buffer.byteLength(member.path) > 100) records['path'] ??= member.path
  if (Buffer.byteLength(member.link ?? '') > 100) records['linkpath'] ??= member.link ?? ''
  const body = Buffer.from(member.body ?? '')
  const extension = Buffer.concat(Object.entries(records).map(([key, value]) => record(key, value)))
  const before = extension.length > 0 ? [header({ path: 'pax', type: 'x', body: extension }), padded(extension)] : []
  return [...before, header(member), padded(body)]
}

function header({ path, type = '0', body = '', link = '', mode = 0o644, size, mtime = 1e9, uid = 0 }: Member): Buffer {
  const block = Buffer.alloc(512)
  block.write(path, 0, 100)
  block.write(octal(mode, 7), 100)
  block.write(octal(uid, 7), 108)
  block.write(octal(0, 7), 116)
  block.write(octal(size ?? Buffer.byteLength(body), 11), 124)
  block.write(octal(mtime, 11), 136)
  block.write('        ', 148)
  block.write(type, 156)
  block.write(link, 157, 100)
  block.write('ustar\x0000', 257)
  block.write(
    octal(
      block.reduce((sum, byte) => sum + byte, 0),
      6,
    ),
    148,
  )
  block.write('\0 ', 154)
  return block
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')

const padded = (body: Buffer): Buffer => Buffer.concat([body, Buffer.alloc((512 - (body.length % 512)) % 512)])

function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from('\n')])
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}
