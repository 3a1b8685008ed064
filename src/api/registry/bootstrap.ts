import { resources } from '../resources.ts'
import type { Registry } from './registry.ts'

/** The namespaces that every cluster has, made once; they are there before anybody can ask. */
export function bootstrap(registry: Registry): void {
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease'])
    if (registry.find(resources.Namespace, name) === undefined)
      registry.create(resources.Namespace, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
}
