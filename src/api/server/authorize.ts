import { ApiError } from '../client/client.ts'
import type { User } from './users.ts'

/** What is asked for, as access reviews name it. */
export interface Attributes {
  readonly verb: string
  readonly group?: string
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  /** For paths that are no resource: `/openapi/v3`. */
  readonly path?: string
}

/**
 * The lab's whole policy: administrators, nodes and the cluster's own service accounts may do everything; other service
 * accounts may read everything but secrets; who is nobody may ask whether the server lives.
 */
export function allows(user: User, asked: Attributes): boolean {
  const groups = new Set(user.groups)
  if (everything.some((group) => groups.has(group))) return true
  if (!groups.has('system:authenticated'))
    return asked.path !== undefined && asked.verb === 'get' && openPaths.has(asked.path)
  if (asked.path !== undefined) return asked.verb === 'get'
  if (asked.group === 'authorization.k8s.io' || asked.group === 'authentication.k8s.io') return asked.verb === 'create'
  return readVerbs.has(asked.verb) && asked.resource !== 'secrets'
}

const everything = ['system:masters', 'system:nodes', 'system:serviceaccounts:kube-system']
const readVerbs = new Set(['get', 'list', 'watch'])
const openPaths = new Set(['/healthz', '/livez', '/readyz', '/version'])

export function forbid(user: User, asked: Attributes): ApiError {
  if (asked.path !== undefined)
    return new ApiError(
      403,
      'Forbidden',
      `forbidden: User ${JSON.stringify(user.name)} cannot ${asked.verb} path ${JSON.stringify(asked.path)}`,
    )
  const { group = '', resource = '', subresource, name, namespace } = asked
  const full = subresource === undefined ? resource : `${resource}/${subresource}`
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  const what = `${resource}${group === '' ? '' : `.${group}`}${name === undefined ? '' : ` ${JSON.stringify(name)}`}`
  return new ApiError(
    403,
    'Forbidden',
    `${what} is forbidden: User ${JSON.stringify(user.name)} cannot ${asked.verb} resource ${JSON.stringify(full)} in API group ${JSON.stringify(group)} ${where}`,
    { group, kind: resource, ...(name !== undefined && { name }) },
  )
}
