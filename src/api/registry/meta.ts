import { randomInt, randomUUID } from 'node:crypto'
import { type Fault, fault } from '../errors.ts'
import { type AnyObject, clone } from '../json.ts'
import type { Resource } from '../resources.ts'
import { annotations, dnsLabel, dnsSubdomain, labels, qualifiedName, serviceName } from './names.ts'
import type { AnyStrategy } from './strategy.ts'

/** Completes the metadata of a new object: name, uid, creation time, generation. */
export function born(object: AnyObject, strategy: AnyStrategy, now: Date): void {
  const meta = object.metadata
  if (!meta.name && meta.generateName) meta.name = generatedName(meta.generateName)
  meta.uid = randomUUID()
  meta.creationTimestamp = timestamp(now)
  if (strategy.generation) meta.generation = 1
  else delete meta.generation
  for (const field of ['resourceVersion', 'deletionTimestamp', 'deletionGracePeriodSeconds', 'selfLink'])
    delete (meta as unknown as Record<string, unknown>)[field]
}

/** What a client cannot change stays as it was; maps that became empty go away, as Kubernetes omits them. */
export function carriedOver(object: AnyObject, old: AnyObject): void {
  const meta = object.metadata as unknown as Record<string, unknown>
  const was = old.metadata as unknown as Record<string, unknown>
  for (const field of serverFields) {
    if (was[field] === undefined) delete meta[field]
    else meta[field] = was[field]
  }
  // Clients that know nothing of managed fields leave them out; that does not give them up.
  if (meta['managedFields'] === undefined && was['managedFields'] !== undefined)
    meta['managedFields'] = was['managedFields']
}

/**
 * An object whose status is written. Labels and annotations may be set on the way, as upstream lets them; nothing is taken away, because
 * who writes a status may know little of the rest.
 */
export function withStatus(old: AnyObject, object: AnyObject): AnyObject {
  const next = clone(old)
  const meta = next.metadata as unknown as Record<string, unknown>
  const { labels, annotations, managedFields } = object.metadata as AnyObject['metadata'] & { managedFields?: unknown }
  meta['labels'] = { ...old.metadata.labels, ...labels }
  meta['annotations'] = { ...old.metadata.annotations, ...annotations }
  if (managedFields !== undefined) meta['managedFields'] = managedFields
  if (object['status'] === undefined) delete next['status']
  else next['status'] = object['status']
  return next
}

export function tidy(object: AnyObject): void {
  const meta = object.metadata as unknown as Record<string, unknown>
  for (const field of ['labels', 'annotations', 'ownerReferences', 'finalizers', 'managedFields'])
    if (meta[field] !== undefined && Object.keys(meta[field] as object).length === 0) delete meta[field]
}

const serverFields = [
  'uid',
  'creationTimestamp',
  'generateName',
  'generation',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'resourceVersion',
]

export function checkMeta(object: AnyObject, resource: Resource, strategy: AnyStrategy): Fault[] {
  const meta = object.metadata
  const rule = { subdomain: dnsSubdomain, label: dnsLabel, service: serviceName }[strategy.names]
  const faults: Fault[] = []
  if (!meta.name) faults.push(fault.required('metadata.name', 'name or generateName is required'))
  else faults.push(...rule('metadata.name', meta.name))
  if (resource.namespaced && meta.namespace) faults.push(...dnsLabel('metadata.namespace', meta.namespace))
  faults.push(...labels('metadata.labels', meta.labels), ...annotations('metadata.annotations', meta.annotations))
  for (const [at, one] of (meta.finalizers ?? []).entries())
    faults.push(...qualifiedName(`metadata.finalizers[${at}]`, one))
  for (const [at, one] of (meta.ownerReferences ?? []).entries())
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const)
      if (!one[field]) faults.push(fault.invalid(`metadata.ownerReferences[${at}].${field}`, '', 'must not be empty'))
  if ((meta.ownerReferences ?? []).filter((one) => one.controller).length > 1)
    faults.push(
      fault.invalid(
        'metadata.ownerReferences',
        meta.ownerReferences,
        'Only one reference can have Controller set to true',
      ),
    )
  return faults
}

/** Metadata rules between an object and what it was. */
export function checkMetaUpdate(object: AnyObject, old: AnyObject): Fault[] {
  if (old.metadata.deletionTimestamp === undefined) return []
  const before = new Set(old.metadata.finalizers)
  const added = (object.metadata.finalizers ?? []).filter((one) => !before.has(one))
  return added.length === 0
    ? []
    : [
        fault.forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((one) => JSON.stringify(one)).join(', ')}}`,
        ),
      ]
}

/** Seconds, as Kubernetes writes times. */
export function timestamp(at: Date): string {
  return `${at.toISOString().slice(0, 19)}Z`
}

/** Without vowels and look-alikes: upstream's alphabet, so that no name is a word. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789'

export function generatedName(base: string): string {
  let suffix = ''
  for (let i = 0; i < 5; i++) suffix += alphabet[randomInt(alphabet.length)]
  return `${base.slice(0, 58)}${suffix}`
}
