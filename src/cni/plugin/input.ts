import { messageOf } from '../../base/errors.ts'
import { CniError } from './error.ts'
import { needVersion, unsaid, type Version } from './version.ts'

/** The plugin's configuration as it came by stdin, checked in what every command needs. */
export interface Input {
  cniVersion: Version
  /** Of the network. */
  name: string
  fields: Fields
}

export type Fields = Readonly<Record<string, unknown>>

/** `read` gives all of stdin. An agent is given the same text for each pod of a network: it gets the same object. */
export function readInput(read: () => string): Input {
  const text = readText(read)
  const before = known.get(text)
  if (before !== undefined) return before
  const input = inputOf(fieldsOf(text))
  if (text.length > longestKnown) return input
  if (known.size >= mostKnown) known.clear()
  known.set(text, input)
  return input
}

const known = new Map<string, Input>()
const mostKnown = 20
const longestKnown = 10_000

function inputOf(fields: Fields): Input {
  const cniVersion = needVersion(fields['cniVersion'] ?? unsaid)
  const name = fields['name']
  if (typeof name !== 'string' || name === '')
    throw new CniError('badConfig', 'the configuration has no name: every network needs one')
  // It becomes the name of a folder.
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(name))
    throw new CniError(
      'badConfig',
      `the name ${JSON.stringify(name.slice(0, 60))} is not 1 to 200 of A-Z, a-z, 0-9, "_", "." and "-"`,
    )
  return { cniVersion, name, fields }
}

/** The fields as they are, unchecked. */
export function decode(read: () => string): Fields {
  return fieldsOf(readText(read))
}

function readText(read: () => string): string {
  try {
    return read()
  } catch (cause) {
    throw new CniError('io', `cannot read the configuration from stdin: ${messageOf(cause)}`, '', { cause })
  }
}

function fieldsOf(text: string): Fields {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (cause) {
    throw new CniError('decode', `the configuration on stdin is not JSON: ${messageOf(cause)}`, '', { cause })
  }
  if (isFields(found)) return found
  throw new CniError('decode', 'the configuration on stdin is JSON, but no object')
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
