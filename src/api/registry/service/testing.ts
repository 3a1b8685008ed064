import assert from 'node:assert/strict'
import type { ApiError } from '../../client/client.ts'
import { type AnyObject, clone } from '../../json.ts'
import type { Service, ServiceSpec } from '../../objects/service.ts'
import { resources } from '../../resources.ts'
import { Store } from '../../store/store.ts'
import type { Registry } from '../registry.ts'
import { cluster as withBasics } from '../testing.ts'

// What the tests of services share: a registry, and services in few words.

export const ports: { port: number }[] = [{ port: 80 }]

export function cluster(serviceCidr = '100.64.0.0/13', store: Store = new Store()): Registry {
  return withBasics({ serviceCidr, store })
}

export function service(name: string, spec: ServiceSpec, annotations?: Record<string, string>): AnyObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', ...(annotations && { annotations: { ...annotations } }) },
    spec: clone(spec),
  }
}

export function create(
  registry: Registry,
  name: string,
  spec: ServiceSpec,
  annotations?: Record<string, string>,
): Service {
  return registry.create(resources.Service, service(name, spec, annotations)) as unknown as Service
}

/** What a PUT of this spec makes of it. */
export function update(registry: Registry, name: string, spec: ServiceSpec): Service {
  return registry.update(resources.Service, service(name, spec)) as unknown as Service
}

/** What a patch makes of it: everything that is not spoken of comes back as the server filled it. */
export function patch(registry: Registry, name: string, spec: object): Service {
  return registry.patch(resources.Service, name, 'default', (object) => ({
    ...object,
    spec: { ...(object['spec'] as ServiceSpec), ...clone(spec) },
  })) as unknown as Service
}

export function setStatus(registry: Registry, name: string, status: object): Service {
  const change = (object: AnyObject): AnyObject => ({ ...object, status: clone(status) })
  return registry.patch(resources.Service, name, 'default', change, 'status') as unknown as Service
}

export function refusal(body: () => unknown): string {
  try {
    body()
  } catch (error) {
    return (error as ApiError).message
  }
  return assert.fail('it was not refused')
}
