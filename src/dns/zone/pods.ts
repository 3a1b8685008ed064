import { type Address, parseAddress } from '../../base/address.ts'

/** The address that a pod name's first label means: `10-0-0-1`, `fd00--1`. */
export function podAddress(label: string): Address | undefined {
  const dots = parseAddress(label.replaceAll('-', '.'))
  return dots ?? (label.includes('-') ? parseAddress(label.replaceAll('-', ':')) : undefined)
}

/** The addresses that pods have, by namespace. */
export class PodAddresses {
  readonly #ofPod = new Map<string, readonly Address[]>()
  /** How many pods have it: an address may pass to the next one before the first one's end is heard of. */
  readonly #known = new Map<string, number>()

  has(namespace: string, address: Address): boolean {
    return this.#known.has(`${namespace} ${address}`)
  }

  /** None: the pod is gone, or has ended. */
  set(namespace: string, name: string, addresses: readonly Address[]): void {
    const pod = `${namespace}/${name}`
    for (const address of addresses) this.#count(`${namespace} ${address}`, 1)
    for (const address of this.#ofPod.get(pod) ?? []) this.#count(`${namespace} ${address}`, -1)
    if (addresses.length > 0) this.#ofPod.set(pod, addresses)
    else this.#ofPod.delete(pod)
  }

  #count(key: string, more: number): void {
    const count = (this.#known.get(key) ?? 0) + more
    if (count > 0) this.#known.set(key, count)
    else this.#known.delete(key)
  }
}
