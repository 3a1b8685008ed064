import { ApiError, type DeleteOptions } from '../client/client.ts'
import { badRequest } from '../errors.ts'
import { type AnyObject, isRecord, jsonOf } from '../json.ts'
import { notYet } from '../not-yet.ts'
import { applyPatch, firstApply } from '../patch/apply.ts'
import { jsonPatch } from '../patch/json-patch.ts'
import { mergePatch } from '../patch/merge.ts'
import { strategicPatch } from '../patch/strategic.ts'
import type { Registry, Subresource } from '../registry/registry.ts'
import { decode, decodeFor, type FieldValidation } from '../schema/decode.ts'
import { bodyOf, unsupported } from './body.ts'
import { type Exchange, send, sendText } from './exchange.ts'
import { formOf } from './forms.ts'
import { selection, textIn } from './read.ts'
import { isTrue, type Route } from './route.ts'

export async function create(exchange: Exchange, registry: Registry, route: Route): Promise<void> {
  const object = decodeFor(route.resource, await bodyOf(exchange.request), fieldValidation(exchange), exchange.warn)
  if (route.resource.namespaced && route.namespace === undefined)
    throw badRequest(
      `a ${route.resource.kind} is created in a namespace: POST to .../namespaces/NAME/${route.resource.plural}`,
    )
  answer(exchange, route, 201, registry.create(route.resource, object, route.namespace, writeOptions(exchange)))
}

export async function update(exchange: Exchange, registry: Registry, route: Route): Promise<void> {
  const object = decodeFor(route.resource, await bodyOf(exchange.request), fieldValidation(exchange), exchange.warn)
  object.metadata ??= { name: '' }
  object.metadata.name ||= route.name ?? ''
  if (object.metadata.name !== route.name)
    throw badRequest(
      `the name of the object (${object.metadata.name}) does not match the name on the URL (${route.name})`,
    )
  if (route.namespace !== undefined) {
    object.metadata.namespace ||= route.namespace
    if (object.metadata.namespace !== route.namespace)
      throw badRequest(
        `the namespace of the object (${object.metadata.namespace}) does not match the namespace on the URL (${route.namespace})`,
      )
  }
  answer(exchange, route, 200, registry.update(route.resource, object, subresourceOf(route), writeOptions(exchange)))
}

export async function patch(exchange: Exchange, registry: Registry, route: Route): Promise<void> {
  const { resource, namespace } = route
  const name = route.name ?? ''
  const type = (exchange.request.headers['content-type'] ?? '').split(';')[0]?.trim()
  const body = await bodyOf(exchange.request)
  const check = (object: unknown): AnyObject => decodeFor(resource, object, fieldValidation(exchange), exchange.warn)
  const options = writeOptions(exchange)
  if (type === 'application/apply-patch+yaml' || type === 'application/apply-patch+json') {
    if (!isRecord(body)) throw badRequest('a server-side apply needs an object')
    const manager = exchange.query.get('fieldManager')
    if (!manager) throw badRequest('fieldManager is required for apply patch')
    const time = `${new Date().toISOString().slice(0, 19)}Z`
    const how = { manager, force: isTrue(exchange.query, 'force'), time }
    const wanted = check(body)
    if (wanted.metadata?.resourceVersion === undefined && registry.find(resource, name, namespace) === undefined) {
      wanted.metadata = { ...wanted.metadata, name }
      answer(
        exchange,
        route,
        201,
        registry.create(resource, firstApply(wanted, resource.kind, how), namespace, options),
      )
      return
    }
    const change = (object: AnyObject): AnyObject => check(applyPatch(object, wanted, resource.kind, how))
    answer(exchange, route, 200, registry.patch(resource, name, namespace, change, subresourceOf(route), options))
    return
  }
  const how = type === undefined ? undefined : patches[type]
  if (how === undefined)
    throw unsupported(
      `a patch of type "${type}" is not known; supported: ${Object.keys(patches).join(', ')}, application/apply-patch+yaml`,
    )
  const change = (object: AnyObject): AnyObject => check(how(object, body, resource.kind))
  answer(exchange, route, 200, registry.patch(resource, name, namespace, change, subresourceOf(route), options))
}

const patches: Readonly<Record<string, (object: AnyObject, body: unknown, type: string) => unknown>> = {
  'application/json-patch+json': jsonPatch,
  'application/merge-patch+json': (object, body) => {
    if (!isRecord(body)) throw badRequest('a merge patch of an object is an object')
    return mergePatch(object, body)
  },
  'application/strategic-merge-patch+json': strategicPatch,
}

export async function remove(exchange: Exchange, registry: Registry, route: Route): Promise<void> {
  const options = await deleteOptions(exchange)
  const { object, gone } = registry.delete(route.resource, route.name ?? '', route.namespace, options)
  const { name, uid } = object.metadata
  if (!gone) {
    answer(exchange, route, 200, object)
    return
  }
  // A pod comes back as it was last, everything else as a Status, as kube-apiserver does.
  if (route.resource.kind === 'Pod') answer(exchange, route, 200, object)
  else
    send(exchange.response, 200, {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name, group: route.resource.group, kind: route.resource.plural, uid },
    })
}

export async function removeAll(exchange: Exchange, registry: Registry, route: Route): Promise<void> {
  const { resource, namespace } = route
  const options = await deleteOptions(exchange)
  if (resource.kind === 'Namespace') throw new ApiError(405, 'MethodNotAllowed', 'namespaces are deleted one by one')
  const items = registry.list(resource, selection(exchange.query, namespace))
  for (const { metadata } of items) registry.delete(resource, metadata.name, metadata.namespace, options)
  const text = `{"kind":"${resource.kind}List","apiVersion":"v1","metadata":{"resourceVersion":"${registry.store.revision}"},"items":[${items.map(jsonOf).join(',')}]}`
  sendText(exchange.response, 200, text)
}

export function answer(exchange: Exchange, route: Route, code: number, object: AnyObject): void {
  if (route.subresource === undefined && exchange.request.method !== 'DELETE')
    for (const text of notYet(object)) exchange.warn(text)
  const form = formOf(exchange.request.headers.accept)
  sendText(exchange.response, code, textIn(form, route.resource, object, exchange.query))
}

export function writeOptions({ query }: Exchange): { dryRun: boolean } {
  const dryRun = query.getAll('dryRun')
  if (dryRun.some((one) => one !== 'All'))
    throw badRequest(`dryRun: Unsupported value: ${JSON.stringify(dryRun)}: supported values: "All"`)
  return { dryRun: dryRun.length > 0 }
}

function fieldValidation({ query }: Exchange): FieldValidation {
  const asked = query.get('fieldValidation') || 'Warn'
  if (asked !== 'Strict' && asked !== 'Warn' && asked !== 'Ignore')
    throw badRequest(
      `fieldValidation: Unsupported value: ${JSON.stringify(asked)}: supported values: "Ignore", "Strict", "Warn"`,
    )
  return asked
}

function subresourceOf({ subresource }: Route): Subresource {
  return subresource === 'status' || subresource === 'ephemeralcontainers' ? subresource : undefined
}

/** From the body or, as older clients do, the query. */
async function deleteOptions(
  exchange: Exchange,
): Promise<DeleteOptions & { resourceVersion?: string; dryRun: boolean }> {
  const body = (await bodyOf(exchange.request)) ?? {}
  if (!isRecord(body)) throw badRequest('DeleteOptions are an object')
  const { wrong } = decode(body, 'DeleteOptions')
  if (wrong.length > 0) throw badRequest(`DeleteOptions: ${wrong.map(({ path, say }) => `${path}: ${say}`).join(', ')}`)
  const { query } = exchange
  const grace = body['gracePeriodSeconds'] ?? query.get('gracePeriodSeconds') ?? undefined
  const policy = body['propagationPolicy'] ?? query.get('propagationPolicy') ?? undefined
  const orphan = body['orphanDependents'] ?? query.get('orphanDependents') ?? undefined
  const { uid, resourceVersion } = (body['preconditions'] ?? {}) as { uid?: string; resourceVersion?: string }
  if (grace !== undefined && !/^-?\d{1,10}$/.test(JSON.stringify(grace).replaceAll('"', '')))
    throw badRequest(`gracePeriodSeconds: ${JSON.stringify(grace)} is not a number`)
  if (policy !== undefined && !policies.has(policy as string))
    throw badRequest(
      `propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`,
    )
  const asked = policy ?? (orphan === true || orphan === 'true' ? 'Orphan' : undefined)
  const dryRun = (body['dryRun'] as string[] | undefined) ?? query.getAll('dryRun')
  return {
    dryRun: dryRun.length > 0,
    ...(grace !== undefined && { gracePeriodSeconds: Number(grace) }),
    ...(asked !== undefined && { propagationPolicy: asked as 'Orphan' }),
    ...(uid !== undefined && { uid }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  }
}

const policies = new Set(['Background', 'Foreground', 'Orphan'])
