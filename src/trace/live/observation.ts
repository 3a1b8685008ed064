import type { Place } from '../observation.ts'

/** What a watcher reports besides when it watches what an application itself sends. */
export type LiveObservation = Thinned | Counted | Established

/** From now on a part is followed: connections whose number ends with so many zero bits. */
export interface Thinned {
  readonly kind: 'thinned'
  readonly place: Place
  readonly bits: number
  /** Packets that had no room in the sockets until then. */
  readonly lost: number
}

/** Connections that began (datagrams that were sent) where the client is, followed or not. */
export interface Counted {
  readonly kind: 'counted'
  readonly place: Place
  readonly begun: number
}

/** What stood between the two when the watch ended. */
export interface Established {
  readonly kind: 'established'
  readonly place: Place
  readonly connections: readonly EstablishedFact[]
}

export interface EstablishedFact {
  /** `100.96.1.2:41000` */
  readonly src: string
  readonly dst: string
  /** Whom the machine translated it to, where it remembers. */
  readonly servedBy?: string
  /** Since it began; absent where the machine does not note that (nf_conntrack_timestamp), or did not yet. */
  readonly ageMs?: number
  /** Datagrams, there and back, as the machine counted them (nf_conntrack_acct): with their headers. */
  readonly packets?: number
  readonly bytes?: number
  /** Since it began, as the client's socket says: payload alone. */
  readonly bytesOut?: number
  readonly bytesIn?: number
  readonly packetsOut?: number
  readonly packetsIn?: number
  readonly idleMs?: number
  /** Datagrams: when the machine forgets it, if none comes. */
  readonly forgottenInSeconds?: number
}
