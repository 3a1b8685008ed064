import { refuse, shown } from '../refuse.ts'
import { ByteReader } from './bytes.ts'
import { blockSize, decode, type Header, isZero, parseHeader } from './header.ts'
import { attribute, parsePax } from './pax.ts'

export interface TarEntry {
  /** As the archive has it, not yet checked. */
  path: string
  kind: 'file' | 'directory' | 'symlink' | 'hardlink'
  size: number
  mode: number
  uid: number
  gid: number
  mtime: number
  link: string
  /** Extended attributes by name. */
  xattrs: ReadonlyMap<string, Buffer>
  /** Where its bytes begin. */
  offset: number
  /** Its bytes, to be read before the next entry is asked for, or not at all. */
  body: AsyncGenerator<Buffer>
}

/**
 * The entries of a tar archive: ustar, pax and GNU's long names. Reads the source to its end. What is no file, directory or link is
 * refused, and so is what lies about its size (sparse files).
 */
export async function* readTar(source: AsyncIterable<Buffer>): AsyncGenerator<TarEntry> {
  const reader = new ByteReader(source)
  try {
    let more = new Map<string, string>()
    const shared = new Map<string, string>()
    for (;;) {
      const block = await reader.take(blockSize)
      // Some writers leave the two empty blocks of the end away.
      if (!block || isZero(block)) break
      const header = parseHeader(block)
      if (isExtension(header)) {
        await extend(reader, header, more, shared)
        continue
      }
      const entry = toEntry(reader, header, new Map([...shared, ...more]))
      more = new Map()
      yield entry
      for await (const _ of entry.body);
      await reader.take(padding(entry.size))
    }
    await reader.drain()
  } finally {
    await reader.end()
  }
}

/** Extended headers hold names; a larger one has no other purpose than to fill memory. */
const maxExtension = 2 ** 20

const isExtension = ({ type }: Header): boolean => ['x', 'g', 'L', 'K'].includes(type)

async function extend(
  reader: ByteReader,
  header: Header,
  more: Map<string, string>,
  shared: Map<string, string>,
): Promise<void> {
  if (header.size < 0 || header.size > maxExtension)
    throw refuse('TooLarge', `an extended header of ${header.size} bytes; at most ${maxExtension} are read`)
  const body = header.size === 0 ? Buffer.alloc(0) : await reader.take(header.size)
  if (!body) throw refuse('Truncated', 'the tar archive ends in an extended header: it was cut short; make it again')
  await reader.take(padding(header.size))
  if (header.type === 'L') more.set('path', decode(withoutEnd(body)))
  else if (header.type === 'K') more.set('linkpath', decode(withoutEnd(body)))
  else for (const [key, value] of parsePax(body)) (header.type === 'g' ? shared : more).set(key, value)
}

const withoutEnd = (body: Buffer): Buffer => (body.at(-1) === 0 ? body.subarray(0, -1) : body)

const padding = (size: number): number => (blockSize - (size % blockSize)) % blockSize

function toEntry(reader: ByteReader, header: Header, more: Map<string, string>): TarEntry {
  const path = more.get('path') ?? decode(header.path)
  if (header.type === 'S' || [...more.keys()].some((key) => key.startsWith('GNU.sparse.')))
    throw refuse(
      'Sparse',
      `${shown(path)} is a sparse file, which image layers have none of; pack it with tar without --sparse`,
    )
  const kind = kindOf(header.type, path)
  const said = more.has('size') ? whole(more, 'size', path) : header.size
  if (said < 0) throw refuse('BadTar', `${shown(path)} says that it has ${said} bytes`)
  // As in Go's archive/tar: the others have no bytes, whatever their header says.
  const size = kind === 'file' ? said : 0
  return {
    path,
    kind,
    size,
    mode: header.mode,
    uid: checkedId(more.has('uid') ? whole(more, 'uid', path) : header.uid, path),
    gid: checkedId(more.has('gid') ? whole(more, 'gid', path) : header.gid, path),
    mtime: more.has('mtime') ? Number(more.get('mtime')) || 0 : header.mtime,
    link: more.get('linkpath') ?? decode(header.link),
    xattrs: attributesIn(more),
    offset: reader.position,
    body: reader.chunks(size, shown(path)),
  }
}

function attributesIn(records: ReadonlyMap<string, string>): Map<string, Buffer> {
  const attributes = new Map<string, Buffer>()
  for (const [key, value] of records)
    if (key.startsWith(attribute)) attributes.set(key.slice(attribute.length), Buffer.from(value, 'latin1'))
  return attributes
}

function whole(records: Map<string, string>, key: string, path: string): number {
  const value = records.get(key) ?? ''
  if (!/^[0-9]{1,15}$/.test(value)) throw refuse('BadTar', `the ${key} of ${shown(path)} is no number`)
  return Number(value)
}

/** The last number means "nobody in particular" to chown(2). */
function checkedId(id: number, path: string): number {
  if (id < 0 || id >= 2 ** 32 - 1)
    throw refuse('BadTar', `${shown(path)} belongs to user or group ${id}, which cannot be`)
  return id
}

function kindOf(type: string, path: string): TarEntry['kind'] {
  switch (type) {
    case '0':
    case '\0':
    case '7':
      // Before POSIX, a directory was a file whose name ends in a slash.
      return path.endsWith('/') ? 'directory' : 'file'
    case '1':
      return 'hardlink'
    case '2':
      return 'symlink'
    case '5':
      return 'directory'
    case '3':
    case '4':
      throw refuse(
        'Device',
        `${shown(path)} is a device node: containers get those of the lab, never one from an image`,
      )
    case '6':
      throw refuse('Device', `${shown(path)} is a named pipe, which images cannot bring along`)
    default:
      throw refuse('BadTar', `${shown(path)} is an entry of the unknown type ${shown(type)}`)
  }
}
