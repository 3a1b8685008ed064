import { ApiError } from '../api/client/client.ts'
import { readTraceWish, type TraceWish } from './trace.ts'

/** What the doctor is asked for: one namespace, or all; and a request to be sent first. */
export interface DoctorWish {
  readonly namespace: string | undefined
  readonly wish: TraceWish | undefined
}

/**
 * Checks what came over the wire. A field that is spelt wrongly would otherwise be left out in silence, and the answer be that of another question.
 * @throws ApiError 400 that says what is expected.
 */
export function readDoctorWish(body: unknown): DoctorWish {
  // No body at all: the whole lab, as with {}.
  if (body === undefined) return { namespace: undefined, wish: undefined }
  if (!isObject(body)) throw refused('what it is asked with is no JSON object')
  refuseUnknown(body, ['namespace', 'for'], '')
  const { namespace, for: wish } = body
  if (namespace !== undefined && (typeof namespace !== 'string' || namespace === '' || namespace.length > 253))
    throw refused('namespace is no name')
  if (wish === undefined) return { namespace, wish }
  if (!isObject(wish)) throw refused('for is no { from, to }')
  refuseUnknown(wish, ['from', 'to', 'namespace', 'timeoutMs'], 'for.')
  for (const end of ['from', 'to'])
    if (typeof wish[end] !== 'string' || wish[end] === '') throw refused(`for.${end} is ${wordFor(wish[end])}`)
  return { namespace, wish: readTraceWish(wish) }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refuseUnknown(value: object, known: readonly string[], before: string): void {
  const unknown = Object.keys(value).filter((name) => !known.includes(name))
  if (unknown.length === 0) return
  const first = JSON.stringify(`${before}${unknown[0]}`.slice(0, 100))
  throw refused(
    `there is no field ${first}${before === '' && /^(from|to)$/.test(unknown[0] ?? '') ? ' outside of "for"' : ''}`,
  )
}

function wordFor(value: unknown): string {
  return value === undefined ? 'missing' : 'no text, or an empty one'
}

function refused(what: string): ApiError {
  const form = '{ namespace?, for?: { from, to, namespace?, timeoutMs? } }, from and to as `kubehop trace` takes them'
  return new ApiError(400, 'BadRequest', `${what}: the doctor is asked with ${form}`)
}
