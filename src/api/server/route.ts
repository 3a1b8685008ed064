import { allResources, type Resource } from '../resources.ts'
import { badRequest } from '../errors.ts'
import type { Attributes } from './authorize.ts'

/** What a path names: a resource's collection, object or subresource. */
export interface Route {
  readonly resource: Resource
  readonly namespace: string | undefined
  readonly name: string | undefined
  readonly subresource: string | undefined
  /** What follows a `proxy` subresource, with its leading slash. */
  readonly rest: string
}

/** undefined for paths that name no served resource. */
export function routeOf(path: string): Route | undefined {
  const segments = path.split('/').slice(1)
  const core = segments[0] === 'api'
  if (!core && segments[0] !== 'apis') return undefined
  const [group, version] = core ? ['', segments[1]] : [segments[1], segments[2]]
  const rest = segments.slice(core ? 2 : 3)
  if (rest.length === 0) return undefined
  const served = (plural: string | undefined, namespaced: boolean): Resource | undefined =>
    allResources.find(
      (one) => one.group === group && one.version === version && one.plural === plural && one.namespaced === namespaced,
    )
  if (rest[0] === 'namespaces' && rest.length >= 3) {
    const resource = served(rest[2], true)
    if (resource) return make(resource, rest[1], rest.slice(3))
  }
  const resource = served(rest[0], false)
  if (resource) return make(resource, undefined, rest.slice(1))
  // A namespaced resource across all namespaces: only its collection.
  const everywhere = rest.length === 1 ? served(rest[0], true) : undefined
  return everywhere && make(everywhere, undefined, [])
}

function make(resource: Resource, namespace: string | undefined, rest: string[]): Route {
  return {
    resource,
    namespace: namespace === undefined ? undefined : decoded(namespace),
    name: rest[0] === undefined || rest[0] === '' ? undefined : decoded(rest[0]),
    subresource: rest[1],
    rest: rest.length > 2 ? `/${rest.slice(2).join('/')}` : '',
  }
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    throw badRequest(`"${segment}" is not valid in a path`)
  }
}

/** Subresources that open a connection: allowed like a creation, whatever the method that opens it. */
const connections = new Set(['exec', 'attach', 'portforward', 'proxy'])

export function attributesOf(route: Route, method: string, query: URLSearchParams): Attributes {
  const { resource, namespace, name, subresource } = route
  return {
    verb: subresource !== undefined && connections.has(subresource) ? 'create' : verbOf(method, name, query),
    group: resource.group,
    resource: resource.plural,
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
  }
}

export function verbOf(method: string, name: string | undefined, query: URLSearchParams): string {
  switch (method) {
    case 'GET':
    case 'HEAD':
      return isTrue(query, 'watch') ? 'watch' : name === undefined ? 'list' : 'get'
    case 'POST':
      return 'create'
    case 'PUT':
      return 'update'
    case 'PATCH':
      return 'patch'
    case 'DELETE':
      return name === undefined ? 'deletecollection' : 'delete'
    default:
      return method.toLowerCase()
  }
}

export function isTrue(query: URLSearchParams, name: string): boolean {
  const value = query.get(name)
  return value === 'true' || value === '1' || value === ''
}
