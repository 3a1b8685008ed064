import { refuse } from './refuse.ts'

/** JSON of an image: checked where it is used, by these. */
export type Unknown = Readonly<Record<string, unknown>>

export function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString()) as unknown
  } catch (error) {
    throw refuse('BadJson', `${what} is no JSON: it is damaged, or no image`, error)
  }
}

export function object(value: unknown, what: string): Unknown {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Unknown
  throw refuse('BadJson', `${what} is no object, as an image has it`)
}

export function list(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  throw refuse('BadJson', `${what} is no list, as an image has it`)
}

export function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value
  throw refuse('BadJson', `${what} is no text, as an image has it`)
}
