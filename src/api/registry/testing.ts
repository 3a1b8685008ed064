// What tests of the registry have in common: one with what every cluster has, and objects for it.
import { type AnyObject, clone } from '../json.ts'
import type { KindName } from '../objects/index.ts'
import { resources } from '../resources.ts'
import { Store } from '../store/store.ts'
import { bootstrap } from './bootstrap.ts'
import { Registry } from './registry.ts'

export function cluster({
  serviceCidr = '100.64.0.0/13',
  store = new Store(),
  now,
}: {
  serviceCidr?: string
  store?: Store
  now?: () => Date
} = {}): Registry {
  const registry = new Registry({ store, serviceCidr, ...(now && { now }) })
  bootstrap(registry)
  return registry
}

export function make(registry: Registry, kind: KindName, object: object): AnyObject {
  return registry.create(resources[kind], clone(object) as AnyObject)
}

interface Parts {
  metadata: { name: string; namespace: string }
  spec: object
}

export const container: { name: string; image: string } = { name: 'c', image: 'host' }
export const pod: Parts = { metadata: { name: 'a', namespace: 'default' }, spec: { containers: [container] } }
export const deployment: Parts = {
  metadata: { name: 'a', namespace: 'default' },
  spec: {
    selector: { matchLabels: { app: 'a' } },
    template: { metadata: { labels: { app: 'a' } }, spec: { containers: [container] } },
  },
}
