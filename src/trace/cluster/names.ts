import type { Address } from '../../base/address.ts'
import { type Cluster, ownerOf, podKey } from './cluster.ts'

/** For whom things are named. */
export interface Asker {
  readonly cluster: Cluster
  /** The sender: a pod's `namespace/name`, or a machine's name. */
  readonly source: string
}

/** `pod web-x2`, `service shop/web`, `node2`; undefined for an address that nobody in the cluster has. */
export function nameOf(asker: Asker, address: Address): string | undefined {
  const owner = ownerOf(asker.cluster, address)
  switch (owner.kind) {
    case 'pod':
      return `pod ${podName(asker, podKey(owner.pod))}`
    case 'service':
      return `service ${owner.service.metadata.namespace}/${owner.service.metadata.name}`
    case 'node':
      return owner.node.metadata.name
    case 'router':
      return owner.name
    case 'outside':
      return 'outside'
    case 'unknown':
      return undefined
  }
}

/** A pod's name, with its namespace when that is not the asker's. */
export function podName({ source }: Pick<Asker, 'source'>, key: string): string {
  const [namespace] = key.split('/')
  return namespace === source.split('/')[0] ? shortName(key) : key
}

/** `web-x2` of `shop/web-x2`; a machine's name as it is. */
export function shortName(key: string): string {
  return key.slice(key.indexOf('/') + 1)
}
