import {
  type Document,
  LineCounter,
  parseAllDocuments,
  parseDocument,
  type ParseOptions,
  type SchemaOptions,
} from 'yaml'

import { depthLimit, tooDeep } from './json.ts'

/**
 * YAML as Kubernetes reads it: 1.1 (0644 is octal, yes is true, << merges), but times and base-60 numbers stay text, and
 * aliases cannot blow a small file up.
 */
const options: ParseOptions & SchemaOptions & { version: '1.1' } = {
  version: '1.1',
  customTags: (tags) =>
    tags.filter((tag) => typeof tag === 'string' || (!tag.tag.endsWith(':timestamp') && tag.format !== 'TIME')),
}
const maxAliasCount = 100

export interface Parsed {
  readonly document: Document
  readonly value: unknown
  /** Text of what is wrong and the line it is at. */
  readonly errors: { line: number; say: string }[]
  /** The line of a value, or of the nearest one around it that stands in the text. */
  lineOf(path: readonly (string | number)[]): number
}

/** Every document of a text, with positions. */
export function parseYaml(text: string): Parsed[] {
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { ...options, lineCounter: lines, prettyErrors: false })
  return (Array.isArray(documents) ? documents : []).map((document) => {
    const errors = document.errors.map((error) => ({ line: lines.linePos(error.pos[0]).line, say: error.message }))
    const start = (): number => lines.linePos(document.range?.[0] ?? 0).line
    let value: unknown
    if (errors.length === 0) {
      try {
        value = document.toJS({ maxAliasCount })
        if (tooDeep(value)) errors.push({ line: start(), say: `it is nested more than ${depthLimit} levels deep` })
      } catch (error) {
        // A ReferenceError: too many or unresolved aliases.
        errors.push({ line: start(), say: (error as Error).message })
      }
    }
    return { document, value, errors, lineOf: (path) => lineOf(document, lines, path) }
  })
}

/** One document, as a request's body has it. Throws a SyntaxError. */
export function parseYamlValue(text: string): unknown {
  const document = parseDocument(text, options)
  const [error] = document.errors
  if (error) throw new SyntaxError(error.message)
  try {
    return document.toJS({ maxAliasCount })
  } catch (error) {
    throw new SyntaxError((error as Error).message)
  }
}

interface Ranged {
  range?: [number, number, number] | null
  srcToken?: { offset?: number }
}

function lineOf(document: Document, lines: LineCounter, path: readonly (string | number)[]): number {
  for (let length = path.length; length >= 0; length--) {
    const key = path[length - 1]
    const parent = length === 0 ? undefined : document.getIn(path.slice(0, length - 1), true)
    // The line of a field is where its name stands, not where its value begins.
    const pair = (parent as { items?: { key?: Ranged & { value?: unknown } }[] } | undefined)?.items?.find(
      (item) => item.key?.value === key && key !== undefined,
    )
    const node = (pair?.key ?? document.getIn(path.slice(0, length), true)) as Ranged | undefined
    const offset = node?.range?.[0] ?? (length === 0 ? (document.contents as Ranged | null)?.range?.[0] : undefined)
    if (offset !== undefined) return lines.linePos(offset).line
  }
  return 1
}
