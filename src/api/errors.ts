import { ApiError, type StatusDetails } from './client/client.ts'
import { apiVersionOf, qualified, type Resource } from './resources.ts'

/** One wrong field, worded as Kubernetes words it. */
export interface Fault {
  /** `spec.ports[0].port` */
  readonly path: string
  readonly reason: FaultReason
  /** Everything after the path: `Invalid value: 0: must be between 1 and 65535, inclusive`. */
  readonly say: string
}

type FaultReason =
  | 'FieldValueInvalid'
  | 'FieldValueRequired'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueDuplicate'
  | 'FieldValueNotFound'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'

/** The constructors of faults, in the words of k8s.io/apimachinery's field package. */
export const fault = {
  invalid: (path: string, value: unknown, detail: string): Fault =>
    made(path, 'FieldValueInvalid', `Invalid value: ${shown(value)}: ${detail}`),
  required: (path: string, detail?: string): Fault =>
    made(path, 'FieldValueRequired', `Required value${detail === undefined ? '' : `: ${detail}`}`),
  unsupported: (path: string, value: unknown, supported: readonly string[]): Fault =>
    made(
      path,
      'FieldValueNotSupported',
      `Unsupported value: ${shown(value)}: supported values: ${supported.map((one) => JSON.stringify(one)).join(', ')}`,
    ),
  forbidden: (path: string, detail: string): Fault => made(path, 'FieldValueForbidden', `Forbidden: ${detail}`),
  duplicate: (path: string, value: unknown): Fault =>
    made(path, 'FieldValueDuplicate', `Duplicate value: ${shown(value)}`),
  notFound: (path: string, value: unknown): Fault => made(path, 'FieldValueNotFound', `Not found: ${shown(value)}`),
  tooLong: (path: string, limit: number): Fault =>
    made(path, 'FieldValueTooLong', `Too long: may not be more than ${limit} bytes`),
  tooMany: (path: string, has: number, limit: number): Fault =>
    made(path, 'FieldValueTooMany', `Too many: ${has}: must have at most ${limit} items`),
}

export function notFound(resource: Resource, name: string): ApiError {
  return new ApiError(404, 'NotFound', `${qualified(resource)} "${name}" not found`, about(resource, name))
}

export function alreadyExists(resource: Resource, name: string): ApiError {
  return new ApiError(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`, about(resource, name))
}

export function conflict(resource: Resource, name: string, detail: string): ApiError {
  return new ApiError(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${detail}`,
    about(resource, name),
  )
}

export const modifiedMeanwhile =
  'the object has been modified; please apply your changes to the latest version and try again'

export function invalid(resource: Resource, name: string, faults: readonly Fault[]): ApiError {
  const kind = resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`
  const said = faults.map((one) => `${one.path}: ${one.say}`)
  return new ApiError(
    422,
    'Invalid',
    `${kind} "${name}" is invalid: ${said.length === 1 ? said[0] : `[${said.join(', ')}]`}`,
    {
      name,
      group: resource.group,
      kind: resource.kind,
      causes: faults.map((one) => ({ reason: one.reason, message: one.say, field: one.path })),
    },
  )
}

export function forbidden(resource: Resource, name: string, detail: string): ApiError {
  return new ApiError(
    403,
    'Forbidden',
    `${qualified(resource)}${name === '' ? '' : ` "${name}"`} is forbidden: ${detail}`,
    about(resource, name),
  )
}

export function badRequest(message: string): ApiError {
  return new ApiError(400, 'BadRequest', message)
}

/** What a client asked to go on from is forgotten: it must list again. */
export function expired(message: string): ApiError {
  return new ApiError(410, 'Expired', message)
}

/** A body that does not fit the kind's schema at all. */
export function undecodable(resource: Resource, detail: string): ApiError {
  const version = apiVersionOf(resource)
  return badRequest(
    `${resource.kind} in version "${version.split('/').at(-1)}" cannot be handled as a ${resource.kind}: ${detail}`,
  )
}

function about(resource: Resource, name: string): StatusDetails {
  return { name, group: resource.group, kind: resource.plural }
}

function made(path: string, reason: FaultReason, say: string): Fault {
  return { path, reason, say }
}

function shown(value: unknown): string {
  return value === undefined ? 'null' : JSON.stringify(value)
}
