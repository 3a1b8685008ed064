import { closeSync, createReadStream, openSync, readSync, statSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { codeOf, KubehopError, messageOf } from '../base/errors.ts'
import { decompress, isPacked } from './decompress.ts'
import { type Limits, maxJson } from './limits.ts'
import { followLink, partsOf } from './paths.ts'
import { refuse, shown } from './refuse.ts'
import { readTar } from './tar/read.ts'

/** The files of an archive, read where they lie. */
export interface Archive {
  has(name: string): boolean
  size(name: string): number
  /** @throws KubehopError `Missing` when there is no such file. */
  open(name: string): AsyncIterable<Buffer>
  /** All of a small file: JSON. */
  read(name: string): Promise<Buffer>
}

/** `folder` takes the unpacked archive, when it is packed; nothing of what it names is made there. */
export async function openArchive(file: string, folder: string, limits: Limits): Promise<Archive> {
  const stat = reading(file, () => statSync(file, { throwIfNoEntry: false }))
  if (!stat) throw refuse('NoFile', `there is no file ${file}`)
  if (!stat.isFile()) throw refuse('NoFile', `${file} is no file: name an archive as \`docker save\` makes it`)
  const plain = await unpacked(file, folder, limits)
  try {
    return new TarFile(plain, await index(plain, file))
  } catch (error) {
    // Of what the reader of tar says nobody knows yet in which file that is.
    if (!(error instanceof KubehopError) || error.plain.includes(file)) throw error
    throw refuse(error.code, `${file}: ${error.plain}`, error)
  }
}

/** The archive as plain tar: itself, or a copy. */
async function unpacked(file: string, folder: string, limits: Limits): Promise<string> {
  if (!isPacked(reading(file, () => firstBytes(file)))) return file
  const copy = join(folder, 'archive.tar')
  let bytes = 0
  const fd = openSync(copy, 'wx', 0o600)
  try {
    for await (const chunk of decompress(createReadStream(file) as AsyncIterable<Buffer>, file, limits)) {
      bytes += chunk.length
      if (bytes > limits.bytes) throw refuse('TooLarge', `${file} has more than ${limits.bytes} bytes when unpacked`)
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at)
    }
  } finally {
    closeSync(fd)
  }
  return copy
}

/** What the system says of the archive, so that it is not taken for something about the store. */
function reading<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw refuse(codeOf(error) ?? 'NoFile', `${file} cannot be read: ${messageOf(error)}`, error)
  }
}

function firstBytes(file: string): Buffer {
  const fd = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(4)
    return bytes.subarray(0, readSync(fd, bytes))
  } finally {
    closeSync(fd)
  }
}

interface Place {
  offset: number
  size: number
}

async function index(plain: string, file: string): Promise<Map<string, Place>> {
  const places = new Map<string, Place>()
  const links = new Map<string, string>()
  const names = new Set<string>()
  for await (const entry of readTar(createReadStream(plain) as AsyncIterable<Buffer>)) {
    const parts = partsOf(entry.path)
    const name = parts.join('/')
    if (entry.kind === 'directory') continue
    if (names.has(name)) throw refuse('Duplicate', `${shown(entry.path)} is there twice in ${file}`)
    names.add(name)
    if (names.size > maxFiles) throw refuse('TooLarge', `${file} has more than ${maxFiles} files: that is no image`)
    if (entry.kind === 'file') places.set(name, { offset: entry.offset, size: entry.size })
    else links.set(name, targetOf(entry, parts))
  }
  // Docker before 25 wrote a layer that is there twice as a link to the first.
  for (const [name, to] of links) {
    const place = places.get(to)
    if (place) places.set(name, place)
  }
  return places
}

/** An archive has a few files for each layer. */
const maxFiles = 10_000

function targetOf({ kind, path, link }: { kind: string; path: string; link: string }, parts: string[]): string {
  const target = link.startsWith('/') ? undefined : followLink(kind === 'symlink' ? parts.slice(0, -1) : [], link)
  if (!target) throw refuse('LeadsOut', `the link ${shown(path)} leads out of the archive, to ${shown(link)}`)
  return target.join('/')
}

class TarFile implements Archive {
  readonly #file: string
  readonly #places: Map<string, Place>

  constructor(file: string, places: Map<string, Place>) {
    this.#file = file
    this.#places = places
  }

  has(name: string): boolean {
    return this.#places.has(name)
  }

  size(name: string): number {
    return this.#place(name).size
  }

  open(name: string): AsyncIterable<Buffer> {
    const { offset, size } = this.#place(name)
    return size === 0 ? nothing() : createReadStream(this.#file, { start: offset, end: offset + size - 1 })
  }

  async read(name: string): Promise<Buffer> {
    if (this.size(name) > maxJson) throw refuse('TooLarge', `${shown(name)} has more than ${maxJson} bytes`)
    const chunks: Buffer[] = []
    for await (const chunk of this.open(name)) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  #place(name: string): Place {
    const place = this.#places.get(name)
    if (!place) throw refuse('Missing', `the archive has no ${shown(name)}: it is no image, or not all of one`)
    return place
  }
}

async function* nothing(): AsyncGenerator<Buffer> {}
