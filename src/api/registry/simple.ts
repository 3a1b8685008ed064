import { type Fault, fault } from '../errors.ts'
import { equal } from '../json.ts'
import type { ConfigMap, Event, Lease, Namespace, Secret, ServiceAccount } from '../objects/simple.ts'
import type { Strategy } from './strategy.ts'

export const namespaceStrategy: Strategy<Namespace> = {
  names: 'label',
  prepareCreate(namespace) {
    // Emptied before it goes: the control loop of namespaces takes this finalizer away once nothing is left inside.
    namespace.spec = { finalizers: ['kubernetes'] }
    namespace.status = { phase: 'Active' }
  },
  prepareUpdate(namespace, old) {
    const finalizers = namespace.metadata.deletionTimestamp === undefined ? undefined : namespace.spec?.finalizers
    namespace.spec = { ...namespace.spec, finalizers: finalizers ?? old.spec?.finalizers ?? [] }
  },
  defaults(namespace) {
    namespace.metadata.labels = { ...namespace.metadata.labels, 'kubernetes.io/metadata.name': namespace.metadata.name }
  },
}

const totalLimit = 1024 * 1024

export const configMapStrategy: Strategy<ConfigMap> = {
  names: 'subdomain',
  validate(map) {
    const faults = [...keys('data', map.data), ...keys('binaryData', map.binaryData)]
    for (const key of Object.keys(map.data ?? {}))
      if (Object.hasOwn(map.binaryData ?? {}, key))
        faults.push(fault.invalid('data', key, 'duplicate of key present in binaryData'))
    return [...faults, ...limited('', { ...map.data, ...map.binaryData })]
  },
  validateUpdate: (map, old) =>
    frozen(map, old, equal(map.data ?? {}, old.data ?? {}) && equal(map.binaryData ?? {}, old.binaryData ?? {})),
}

export const secretStrategy: Strategy<Secret> = {
  names: 'subdomain',
  defaults(secret) {
    secret.type ??= 'Opaque'
    for (const [key, value] of Object.entries(secret.stringData ?? {}))
      secret.data = { ...secret.data, [key]: Buffer.from(value).toString('base64') }
    delete secret.stringData
  },
  validate: (secret) => [...keys('data', secret.data), ...limited('data', secret.data ?? {})],
  validateUpdate: (secret, old) => [
    ...(secret.type === old.type ? [] : [fault.invalid('type', secret.type, 'field is immutable')]),
    ...frozen(secret, old, equal(secret.data ?? {}, old.data ?? {})),
  ],
}

export const serviceAccountStrategy: Strategy<ServiceAccount> = { names: 'subdomain' }

export const eventStrategy: Strategy<Event> = {
  names: 'subdomain',
  validate(event) {
    const about = event.involvedObject?.namespace ?? ''
    const home = event.metadata.namespace ?? ''
    // Events on what has no namespace live in `default`.
    return about === home || (about === '' && home === 'default')
      ? []
      : [fault.invalid('involvedObject.namespace', about, 'does not match event.namespace')]
  },
}

export const leaseStrategy: Strategy<Lease> = {
  names: 'subdomain',
  validate({ spec = {} }) {
    const seconds = spec.leaseDurationSeconds
    return seconds !== undefined && seconds <= 0
      ? [fault.invalid('spec.leaseDurationSeconds', seconds, 'must be greater than 0')]
      : []
  },
}

function keys(path: string, data: Record<string, string> | undefined): Fault[] {
  return Object.keys(data ?? {}).flatMap((key) =>
    /^[-._a-zA-Z0-9]{1,253}$/.test(key) && key !== '.' && !key.startsWith('..')
      ? []
      : [
          fault.invalid(
            `${path}[${key}]`,
            key,
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
          ),
        ],
  )
}

function limited(path: string, data: Record<string, string>): Fault[] {
  const bytes = Object.values(data).reduce((sum, value) => sum + Buffer.byteLength(value), 0)
  return bytes > totalLimit ? [fault.tooLong(path, totalLimit)] : []
}

function frozen(now: { immutable?: boolean }, old: { immutable?: boolean }, same: boolean): Fault[] {
  if (!old.immutable) return []
  const faults: Fault[] = []
  if (!now.immutable) faults.push(fault.forbidden('immutable', 'field is immutable when `immutable` is set'))
  if (!same) faults.push(fault.forbidden('data', 'field is immutable when `immutable` is set'))
  return faults
}
