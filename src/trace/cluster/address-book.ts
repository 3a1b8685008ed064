import { type EndpointSlice, serviceNameLabel } from '../../api/objects/endpointslice.ts'

// Each hop asks whose an address is, and a cluster has thousands: a list is read once, for as long as somebody has it. Lists and what is in them must not
// be changed.

/** What `make` makes of a list, made once. */
function once<Item, Made>(make: (list: readonly Item[]) => Made): (list: readonly Item[]) => Made {
  const known = new WeakMap<readonly Item[], Made>()
  return (list) => {
    let made = known.get(list)
    if (made === undefined) {
      made = make(list)
      known.set(list, made)
    }
    return made
  }
}

/** Items by keys, each key's in the order of the list. */
export function grouped<Item, Key>(
  keysOf: (item: Item) => readonly Key[],
): (list: readonly Item[]) => ReadonlyMap<Key, readonly Item[]> {
  return once((list) => {
    const groups = new Map<Key, Item[]>()
    for (const item of list)
      for (const key of keysOf(item)) {
        const group = groups.get(key)
        if (group) group.push(item)
        else groups.set(key, [item])
      }
    return groups
  })
}

/** By `namespace/name` of their service. */
export const slicesByService: (list: readonly EndpointSlice[]) => ReadonlyMap<string, readonly EndpointSlice[]> =
  grouped(({ metadata }) => [`${metadata.namespace}/${metadata.labels?.[serviceNameLabel]}`])
