import { refuse } from '../refuse.ts'
import { decode } from './header.ts'

/** The records of an extended header (pax(1)): `LENGTH KEY=VALUE\n`, LENGTH counting all of it. */
export function parsePax(body: Buffer): Map<string, string> {
  const records = new Map<string, string>()
  let at = 0
  while (at < body.length) {
    const space = body.indexOf(0x20, at)
    const digits = space === -1 ? '' : body.toString('latin1', at, space)
    const end = at + Number(digits)
    if (!/^[1-9][0-9]{0,8}$/.test(digits) || end > body.length || end <= space || body[end - 1] !== 0x0a) throw bad()
    const equals = body.indexOf(0x3d, space)
    if (equals === -1 || equals >= end) throw bad()
    const key = body.toString('latin1', space + 1, equals)
    const value = body.subarray(equals + 1, end - 1)
    // Attributes are bytes: one character for each.
    records.set(key, key.startsWith(attribute) ? value.toString('latin1') : decode(value))
    at = end
  }
  return records
}

/** What an extended attribute's record begins with: star(1), and everybody since. */
export const attribute = 'SCHILY.xattr.'

const bad = (): Error => refuse('BadTar', 'an extended header cannot be read: the tar archive is damaged')
