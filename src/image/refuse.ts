import { KubehopError } from '../base/errors.ts'

/** Why an archive is not taken: `code` for programs, `say` for people. */
export function refuse(code: string, say: string, cause?: unknown): KubehopError {
  return new KubehopError('image', 'load', code, say, { cause })
}

/** A name from an archive, fit for a message: quoted, without control characters, and not endless. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}...` : name)
}
