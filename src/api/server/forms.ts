import { ApiError } from '../client/client.ts'
import type { AnyObject } from '../json.ts'

/** In which form an answer is wanted: whole objects, kubectl's table, or metadata only. */
export type Form = 'object' | 'table' | 'metadata'

/** Reads an Accept header; the first form in it that this server has. */
export function formOf(accept: string | undefined): Form {
  for (const part of (accept ?? '*/*').split(',')) {
    const [type = '', ...parameters] = part.split(';').map((one) => one.trim())
    if (!['application/json', 'application/*', '*/*'].includes(type.toLowerCase())) continue
    const given = new Map(parameters.map((one) => one.split('=') as [string, string]))
    const as = given.get('as')
    if (as === undefined) return 'object'
    if (given.get('g') !== 'meta.k8s.io' || given.get('v') !== 'v1') continue
    if (as === 'Table') return 'table'
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return 'metadata'
  }
  throw new ApiError(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/json;as=Table;g=meta.k8s.io;v=v1',
  )
}

export function metadataOnly(object: AnyObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata }
}

/** How much of the object a table's row carries. */
export type Include = 'Metadata' | 'Object' | 'None'

export function include(query: URLSearchParams): Include {
  const asked = query.get('includeObject')
  return asked === 'Object' || asked === 'None' ? asked : 'Metadata'
}
