import type { Address } from '../../base/address.ts'
import { types } from '../wire/message.ts'
import { type ReverseName, readReverse, reverseZone } from './reverse.ts'
import type { Found, Zone } from './zone.ts'

/** What a name below in-addr.arpa or ip6.arpa says: the names of an address, or something about a reverse zone of ours. */
export function findReverse(zone: Zone, labels: readonly string[], type: number): Found {
  const name = readReverse(labels)
  if (!name) return junk(zone, labels)
  const { ttl, reverse } = zone.options
  const apex = reverseZone(name, reverse)
  const own = labels.join('.')
  const address = wholeAddress(name)
  const pointers = address === undefined ? undefined : zone.pointersOf(address)
  if (pointers) {
    if (type !== types.PTR) return { kind: 'no data', apex: apex ?? labels.length }
    const answers = pointers.targets.map((target) => ({ name: own, class: 1, ttl, type: 'PTR' as const, target }))
    return { kind: 'records', from: `address ${address}`, answers, additionals: [], owner: pointers.owner }
  }
  if (apex === undefined) return { kind: 'not ours' }
  if (apex === labels.length) {
    const from = `reverse zone ${own}`
    if (type === types.SOA) return { kind: 'records', from, answers: [zone.soa(own)], additionals: [] }
    if (type === types.NS) return { kind: 'records', from, ...zone.nameServer(own) }
  }
  // A part of an address is a name that others stand below.
  return { kind: address === undefined ? 'no data' : 'no such name', apex }
}

/** A name that no address can have: `x.0.0.10.in-addr.arpa`. Below a zone of ours nobody else has anything to say about it either. */
function junk(zone: Zone, labels: readonly string[]): Found {
  // 32 digits, ip6 and arpa.
  for (let from = Math.max(1, labels.length - 34); from < labels.length; from++) {
    const above = readReverse(labels.slice(from))
    if (!above) continue
    const apex = reverseZone(above, zone.options.reverse)
    return apex === undefined ? { kind: 'not ours' } : { kind: 'no such name', apex }
  }
  return { kind: 'not ours' }
}

/** undefined: the labels are none of an address, or only of a part of one. */
export function wholeAddress(name: ReverseName | undefined): Address | undefined {
  return name?.bits === (name?.step === 8 ? 32 : 128) ? name?.address : undefined
}
