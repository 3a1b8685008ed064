import { type Address, parseAddress } from '../../base/address.ts'

/** The address that a pod name's first label means: `10-0-0-1`, `fd00--1`. */
export function podAddress(label: string): Address | undefined {
  const dots = parseAddress(label.replaceAll('-', '.'))
  return dots ?? (label.includes('-') ? parseAddress(label.replaceAll('-', ':')) : undefined)
}

/** What a pod's resolver does with a short name. */
export interface PodSearch {
  readonly namespace: string
  /**
   * Domains of its own, tried behind the cluster's and the node's (dnsConfig). undefined: its search list does not begin with the cluster's
   * (dnsPolicy Default and None).
   */
  readonly searches: readonly string[] | undefined
}

interface Pod extends PodSearch {
  readonly addresses: readonly Address[]
}

/** The addresses that pods have. */
export class Pods {
  /** By `NAMESPACE/NAME`. */
  readonly #pods = new Map<string, Pod>()
  /** An address may pass to the next pod before the first one's end is heard of. */
  readonly #at = new Map<Address, Pod | readonly Pod[]>()

  has(namespace: string, address: Address): boolean {
    return this.#all(address).some((pod) => pod.namespace === namespace)
  }

  /** undefined: nobody's, or of pods that do not agree. */
  searchOf(address: Address): PodSearch | undefined {
    const [pod, ...others] = this.#all(address)
    return others.every((other) => sameSearch(other, pod)) ? pod : undefined
  }

  /** No addresses: the pod is gone, or has ended. */
  set(namespace: string, name: string, addresses: readonly Address[], searches?: readonly string[]): void {
    const key = `${namespace}/${name}`
    const before = this.#pods.get(key)
    for (const address of before?.addresses ?? []) this.#claim(address, (pods) => pods.filter((pod) => pod !== before))
    this.#pods.delete(key)
    if (addresses.length === 0) return
    const pod = { namespace, addresses, searches }
    this.#pods.set(key, pod)
    for (const address of addresses) this.#claim(address, (pods) => [...pods, pod])
  }

  #claim(address: Address, change: (pods: readonly Pod[]) => readonly Pod[]): void {
    const pods = change(this.#all(address))
    const [only] = pods
    if (only) this.#at.set(address, pods.length === 1 ? only : pods)
    else this.#at.delete(address)
  }

  #all(address: Address): readonly Pod[] {
    const found = this.#at.get(address)
    if (!found) return none
    return 'namespace' in found ? [found] : found
  }
}

const none: readonly Pod[] = []

function sameSearch(a: PodSearch, b: PodSearch | undefined): boolean {
  return a.namespace === b?.namespace && a.searches?.join(' ') === b.searches?.join(' ')
}
