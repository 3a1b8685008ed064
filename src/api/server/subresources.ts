import { ApiError } from '../client/client.ts'
import { badRequest } from '../errors.ts'
import { type AnyObject, clone, isRecord } from '../json.ts'
import type { Deployment, ReplicaSet } from '../objects/workload.ts'
import { jsonPatch } from '../patch/json-patch.ts'
import { mergePatch } from '../patch/merge.ts'
import type { Registry } from '../registry/registry.ts'
import { decode } from '../schema/decode.ts'
import { formatSelector } from '../select/labels.ts'
import { allows, type Attributes } from './authorize.ts'
import { bodyOf, unsupported } from './body.ts'
import { type Exchange, send } from './exchange.ts'
import type { Route } from './route.ts'
import type { Tokens } from './tokens.ts'
import { writeOptions } from './write.ts'

/** autoscaling/v1 Scale: how many replicas there are and should be, the same for every workload. */
export async function scale(exchange: Exchange, registry: Registry, route: Route): Promise<void> {
  const { resource, namespace } = route
  const name = route.name ?? ''
  const { method, headers } = exchange.request
  if (method !== 'GET') {
    const body = await bodyOf(exchange.request)
    if (!isRecord(body) && !Array.isArray(body)) throw badRequest('a Scale is an object')
    const type = (headers['content-type'] ?? '').split(';')[0]?.trim()
    registry.patch(
      resource,
      name,
      namespace,
      (object) => {
        const wanted = method === 'PUT' ? body : patched(scaleOf(object), body, type)
        return rescaled(object, wanted)
      },
      undefined,
      writeOptions(exchange),
    )
  }
  send(exchange.response, 200, scaleOf(registry.get(resource, name, namespace)))
}

function patched(scale: object, body: unknown, type: string | undefined): unknown {
  if (type === 'application/json-patch+json') return jsonPatch(scale, body)
  if (type === 'application/merge-patch+json' || type === 'application/strategic-merge-patch+json')
    return mergePatch(scale, body)
  throw unsupported(`a patch of type "${type}" is not known for scale`)
}

function rescaled(object: AnyObject, wanted: unknown): AnyObject {
  if (!isRecord(wanted)) throw badRequest('a Scale is an object')
  const { wrong } = decode(wanted, 'Scale')
  if (wrong[0]) throw badRequest(`Scale: ${wrong[0].path}: ${wrong[0].say}`)
  const { metadata, spec } = wanted as { metadata?: { resourceVersion?: string }; spec?: { replicas?: number } }
  const replicas = spec?.replicas ?? 0
  if (metadata?.resourceVersion) object.metadata.resourceVersion = metadata.resourceVersion
  object['spec'] = { ...(object['spec'] as object), replicas }
  return object
}

function scaleOf(object: AnyObject): object {
  const { metadata, spec, status } = clone(object) as unknown as Deployment | ReplicaSet
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas ?? 1 },
    status: { replicas: status?.replicas ?? 0, selector: formatSelector(spec.selector) },
  }
}

export async function bind(exchange: Exchange, registry: Registry, route: Route): Promise<void> {
  const body = await bodyOf(exchange.request)
  if (!isRecord(body)) throw badRequest('a Binding is an object')
  const { wrong } = decode(body, 'Binding')
  if (wrong[0]) throw badRequest(`Binding: ${wrong[0].path}: ${wrong[0].say}`)
  const { target, metadata } = body as { target?: { kind?: string; name?: string }; metadata?: AnyObject['metadata'] }
  if ((target?.kind ?? 'Node') !== 'Node' || !target?.name)
    throw new ApiError(422, 'Invalid', 'Binding "" is invalid: target.name: Required value')
  registry.bind(route.name ?? '', route.namespace ?? '', target.name, metadata?.annotations)
  send(exchange.response, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 })
}

/** serviceaccounts/NAME/token: a TokenRequest comes back with its status filled. */
export async function requestToken(exchange: Exchange, tokens: Tokens, route: Route): Promise<void> {
  const body = (await bodyOf(exchange.request)) ?? {}
  const spec = isRecord(body) && isRecord(body['spec']) ? body['spec'] : {}
  const { audiences, expirationSeconds, boundObjectRef } = spec as {
    audiences?: string[]
    expirationSeconds?: number
    boundObjectRef?: { kind?: string; name?: string; uid?: string } | null
  }
  if (boundObjectRef && (boundObjectRef.kind !== 'Pod' || typeof boundObjectRef.name !== 'string'))
    throw badRequest('spec.boundObjectRef: tokens can be bound to a Pod, by name')
  if (
    expirationSeconds !== undefined &&
    expirationSeconds !== null &&
    !(Number.isInteger(expirationSeconds) && expirationSeconds >= 600)
  )
    throw new ApiError(
      422,
      'Invalid',
      'TokenRequest.authentication.k8s.io "" is invalid: spec.expirationSeconds: Invalid value: may not specify a duration less than 10 minutes',
    )
  if (audiences && !(Array.isArray(audiences) && audiences.every((one) => typeof one === 'string')))
    throw badRequest('spec.audiences: expected a list of text')
  const { token, expires } = tokens.issue(route.name ?? '', route.namespace ?? '', {
    seconds: expirationSeconds ?? undefined,
    audiences: audiences ?? undefined,
    pod: boundObjectRef ? { name: boundObjectRef.name as string, uid: boundObjectRef.uid } : undefined,
  })
  send(exchange.response, 201, {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: route.name, namespace: route.namespace },
    spec: { ...spec },
    status: { token, expirationTimestamp: expires },
  })
}

/** `kubectl auth can-i` and `kubectl auth whoami`. */
export async function review(exchange: Exchange, path: string): Promise<boolean> {
  const { user, request, response } = exchange
  if (path === '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews') {
    const body = (await bodyOf(request)) as
      | { spec?: { resourceAttributes?: Attributes; nonResourceAttributes?: Attributes } }
      | undefined
    const asked = body?.spec?.resourceAttributes ?? body?.spec?.nonResourceAttributes
    if (!isRecord(asked)) throw badRequest('spec: one of resourceAttributes and nonResourceAttributes is needed')
    const allowed = allows(user, asked)
    send(response, 201, {
      kind: 'SelfSubjectAccessReview',
      apiVersion: 'authorization.k8s.io/v1',
      metadata: {},
      spec: body?.spec,
      status: { allowed },
    })
    return true
  }
  if (path === '/apis/authentication.k8s.io/v1/selfsubjectreviews') {
    await bodyOf(request)
    const userInfo = { username: user.name, groups: user.groups }
    send(response, 201, {
      kind: 'SelfSubjectReview',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {},
      status: { userInfo },
    })
    return true
  }
  return false
}
