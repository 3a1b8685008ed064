import { type ObjectKind, type ObjectName, parseObject, usage } from './object-name.ts'

// Who is to send, as people type it.

/** `outside` is the machine beyond the cluster's router; everything else is one of the cluster's objects. */
export type SourceName =
  | { readonly kind: 'outside' }
  | (ObjectName & { readonly kind: Exclude<ObjectKind, 'service'>; readonly container?: string })

const container = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/

/**
 * `client`, `pod/client`, `shop/client`, `shop/pod/client`, `deploy/web` and other owners of pods, `node/node1`, `outside`.
 * A container stands behind a colon, `client:app`: a slash would be read as a namespace before a pod, and no name can hold a colon.
 * A pod whose name is `outside` is written pod/outside.
 */
export function parseSource(text: string): SourceName {
  if (text === 'outside') return { kind: 'outside' }
  const [object = '', name, ...rest] = text.split(':')
  const found = rest.length === 0 ? parseObject(object, 'pod') : undefined
  if (!found) throw noPlace(text)
  const { kind } = found
  if (kind === 'service')
    throw usage(`"${text}" is no place to send from: a service only receives; write pod/NAME or deploy/NAME`)
  if (name === undefined) return { ...found, kind }
  if (kind === 'node') throw usage(`"${text}": a node has no containers; write node/${found.name}, or POD:CONTAINER`)
  if (!container.test(name)) throw noPlace(text)
  return { ...found, kind, container: name }
}

function noPlace(text: string): Error {
  return usage(
    `"${text}" is no place to send from: write pod/NAME, NAMESPACE/NAME, POD:CONTAINER, deploy/NAME, node/NAME or outside`,
  )
}
