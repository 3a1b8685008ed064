import type { EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Service } from '../api/objects/service.ts'
import { keyOf } from '../api/client/client.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { Book } from './book.ts'
import type { NodeFacts } from './node.ts'
import { serviceKeyOf } from './objects.ts'
import { portionOf } from './portion.ts'

/**
 * What the kernel of a node should hold for these services. With `before`, endpoints keep the slots that they have there; the
 * order of the services and slices means nothing.
 */
export function model(
  services: Iterable<Service>,
  slices: Iterable<EndpointSlice>,
  node: NodeFacts,
  before?: Ruleset,
): Ruleset {
  const of = Map.groupBy(slices, serviceKeyOf)
  const book = new Book(node, before)
  for (const service of services) {
    const key = keyOf(service)
    book.put(key, portionOf(service, of.get(key) ?? [], node).portion, service.metadata.creationTimestamp)
  }
  return book.wanted
}
