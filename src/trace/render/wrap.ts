import { stripVTControlCharacters } from 'node:util'

/** Breaks a line between words; what follows is indented. A word longer than the line stays whole. `width` 0: never. */
export function wrapped(text: string, indent: number, width: number): string[] {
  if (text === '') return []
  const room = Math.max(width, indent + 30)
  if (width === 0 || stripVTControlCharacters(text).length <= room) return [text]
  const lines: string[] = []
  let rest = text
  while (rest.length > room) {
    const at = rest.lastIndexOf(' ', room)
    const cut = at > indent ? at : rest.indexOf(' ', room)
    if (cut < 0) break
    lines.push(rest.slice(0, cut).trimEnd())
    rest = ' '.repeat(indent) + rest.slice(cut + 1).trimStart()
  }
  return [...lines, rest]
}
