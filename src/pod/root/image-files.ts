import { closeSync, openSync, readSync } from 'node:fs'
import { View } from '../../image/view.ts'
import { type FileView, follow } from './mountplan.ts'

/** The files of an image as its containers first see them, from its layers (the lowest first). */
export class ImageFiles implements FileView {
  readonly #view: View

  constructor(layers: readonly string[]) {
    this.#view = new View(layers)
  }

  kind(path: string): ReturnType<FileView['kind']> {
    const stat = this.#view.stat(below(path))
    if (!stat) return undefined
    return stat.isDirectory() ? 'directory' : stat.isFile() ? 'file' : stat.isSymbolicLink() ? 'link' : 'other'
  }

  readlink(path: string): string {
    return this.#view.linkOf(below(path)) ?? ''
  }

  /** The lines of a file that begin it and fit, its links followed inside the image; undefined when there is no such file. */
  lines(path: string, maxBytes: number): string | undefined {
    const place = follow(path, this)
    const file = place === undefined ? undefined : this.#view.fileAt(below(place))
    if (file === undefined) return undefined
    const fd = openSync(file, 'r')
    try {
      const buffer = Buffer.alloc(maxBytes)
      const count = readSync(fd, buffer, 0, maxBytes, 0)
      // Half a line would say something else.
      return buffer.toString('utf8', 0, count < maxBytes ? count : buffer.lastIndexOf('\n') + 1)
    } finally {
      closeSync(fd)
    }
  }
}

const below = (path: string): string => path.slice(1)
