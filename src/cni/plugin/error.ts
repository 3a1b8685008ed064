import { KubehopError, messageOf } from '../../base/errors.ts'
import type { Version } from './version.ts'

/** Numbers below 100 are the CNI specification's ("Error"); those from 100 on are ours. */
export const codes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  badEnvironment: 4,
  io: 5,
  decode: 6,
  badConfig: 7,
  tryAgain: 11,
  notAvailable: 50,
  limited: 51,
  failed: 100,
  changed: 101,
  noAddress: 102,
} as const

/** What the plugin answers instead of a result. */
export class CniError extends Error {
  readonly code: number
  /** Where to look further. */
  readonly details: string

  /** A number is what another plugin said. */
  constructor(code: keyof typeof codes | number, say: string, details = '', options?: { cause?: unknown }) {
    super(say, options)
    this.name = 'CniError'
    this.code = typeof code === 'number' ? code : codes[code]
    this.details = details
  }
}

/** The error as the runtime reads it from stdout. */
export function errorAnswer(error: unknown, cniVersion: Version): Record<string, unknown> {
  const known = error instanceof CniError ? error : foreign(error)
  return {
    cniVersion,
    code: known.code,
    msg: known.message,
    ...(known.details !== '' && { details: known.details }),
  }
}

/** Errors of the rooms below say what to do; anything else is a bug of ours, and shows where. */
function foreign(error: unknown): CniError {
  const details = error instanceof Error && !(error instanceof KubehopError) ? (error.stack ?? '') : ''
  return new CniError(noAddress(error) ? 'noAddress' : 'failed', messageOf(error), details)
}

function noAddress(error: unknown): boolean {
  return error instanceof KubehopError && ['Exhausted', 'NotGivable'].includes(error.code)
}
