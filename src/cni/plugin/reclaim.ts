import { routesForNow } from '../sockets.ts'
import type { Lease, Since } from '../lease.ts'
import { type Book, hostDeviceOf, isCut, networksIn, now, openBook, ownerOfNote } from './leases.ts'

/**
 * Frees the addresses whose pod is gone for certain, of one network or of all, and returns them: for an ADD that finds no more, and for whoever
 * starts when the machine does. Containers' runtimes that never call GC (containerd 1.6) would otherwise lose them at each reboot.
 * To be called in turn.
 */
export function reclaim(leaseDir: string, network?: string): Lease[] {
  return (network === undefined ? networksIn(leaseDir) : [network]).flatMap((name) =>
    reclaimOf(openBook(leaseDir, name)),
  )
}

/** The same of a network whose addresses have been read. `first`: what has to go before an address does, for it may lead there. */
export function reclaimOf(book: Book, first: (lease: Lease) => void = () => {}): Lease[] {
  const proofs = readProofs()
  const gone = book.held().filter(({ lease }) => isGone(lease, proofs))
  for (const { lease, ipam } of gone) {
    first(lease)
    ipam.free(lease)
  }
  return gone.map(({ lease }) => lease)
}

/**
 * Two proofs that nobody has an address. It was given before the machine started: no network namespace outlives that. Or its cable is ours,
 * was laid from this very namespace, and is not in it: the kernel takes a cable away with the pod's namespace, and a pod without a cable is on
 * no network. (A namespace's number comes again only when the old one is gone, and its cables with it.) Anything else may be somebody's.
 */
export function isGone(of: Pick<Lease, 'hostDevice' | 'since'>, { here, cables }: Proofs): boolean {
  const { hostDevice, since } = of
  if (since === undefined) return false
  if (since.boot !== here.boot) return true
  return cables !== undefined && since.netns !== undefined && since.netns === here.netns && !cables.has(hostDevice)
}

/** What is known now. */
export interface Proofs {
  here: Since
  /**
   * Cables by the names that they have, and by those that they had when their notes were written: somebody may have renamed one.
   * undefined: that cannot be known.
   */
  cables: ReadonlySet<string> | undefined
}

export function readProofs(): Proofs {
  using socket = routesForNow()
  const links = socket.links()
  const names = links.flatMap(({ name, alias }) => {
    const owner = ownerOfNote(alias)
    return owner === undefined ? [name] : [name, hostDeviceOf(owner)]
  })
  return { here: now('ours'), cables: links.some(({ alias }) => isCut(alias)) ? undefined : new Set(names) }
}
