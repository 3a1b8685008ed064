import { type Packed, packU32, unpackU32 } from '../kernel/nftables/packed.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { listKey } from './layout/numbers.ts'
import type { Store } from './store.ts'

/** Changes one list of endpoints, slot by slot. `sticky`: its endpoints have numbers by which clients' are remembered. */
export function writeList(
  store: Store,
  list: number,
  before: { readonly slots: readonly Packed[]; readonly sticky: boolean },
  now: { readonly slots: readonly Packed[]; readonly sticky: boolean },
): void {
  if (before.slots !== now.slots) {
    for (const [slot, endpoint] of now.slots.entries()) store.write('endpoints', listKey(list, slot), endpoint)
    for (let slot = now.slots.length; slot < before.slots.length; slot++) store.delete('endpoints', listKey(list, slot))
  }
  if (before.sticky || now.sticky)
    writeNumbers(store, list, before.sticky ? before.slots : [], now.sticky ? now.slots : [])
}

/** The slots of a list as the kernel has them. */
export function readSlots(kernel: Ruleset | undefined, list: number): Packed[] {
  const elements = kernel?.sets.get('endpoints')?.elements
  const slots: Packed[] = []
  for (;;) {
    const endpoint = elements?.get(listKey(list, slots.length))
    if (typeof endpoint !== 'string') return slots
    slots.push(endpoint)
  }
}

/**
 * An endpoint's number is made from its address and port, so that clients find the same endpoint again after it was away for a while, or
 * after the agent was, and never one of another service.
 */
function writeNumbers(store: Store, list: number, before: readonly Packed[], now: readonly Packed[]): void {
  const numbers = new Map<Packed, number>()
  for (const [slot, endpoint] of before.entries()) {
    const number = store.get('numbers', listKey(list, slot))
    if (typeof number === 'string') numbers.set(endpoint, unpackU32(number))
  }
  const staying = new Set(now)
  for (const [endpoint, number] of numbers)
    if (!staying.has(endpoint)) store.delete('remembered', listKey(list, number))
  for (const [slot, endpoint] of now.entries())
    store.write('numbers', listKey(list, slot), packU32(numbers.get(endpoint) ?? newNumber(store, list, endpoint)))
  for (let slot = now.length; slot < before.length; slot++) store.delete('numbers', listKey(list, slot))
}

/** The first free one from its hash on. */
function newNumber(store: Store, list: number, endpoint: Packed): number {
  for (let number = hash(endpoint); ; number = (number + 1) >>> 0) {
    const key = listKey(list, number)
    if (store.get('remembered', key) !== undefined) continue
    store.write('remembered', key, endpoint)
    return number
  }
}

/** FNV-1a, 32 bits. */
function hash(bytes: Packed): number {
  let value = 0x811c9dc5
  for (let i = 0; i < bytes.length; i++) value = Math.imul(value ^ bytes.charCodeAt(i), 0x01000193)
  return value >>> 0
}
