import type { Protocol, Trace, Verdict } from '../types.ts'
import type { EstablishedFact } from './observation.ts'

// What `kubehop trace --live` tells: `-o json` prints one LiveTrace when the watch has ended.

/** One connection, or exchange of datagrams, that began while it was watched. */
export interface LiveFlow {
  /** Its place among all that began, followed or not: 1 is the first. Lines come as answers do, so a slow one stands below those that overtook it. */
  readonly number: number
  /** When its first packet left: RFC 3339, with microseconds. */
  readonly at: string
  /** `100.96.1.2:41000`; without a port where the protocol has none. */
  readonly src: string
  readonly dst: string
  /** Whom it was translated to, where it was. */
  readonly endpoint?: string
  /** The pod that has that address: `shop/web-x2`. */
  readonly pod?: string
  readonly verdict: Verdict
  /** From the first packet to the answer, or to giving up. */
  readonly ms: number
  /** How often the first packet was sent, when not once. */
  readonly tries?: number
  /** The whole story: of the first, and of those that went wrong, as many as there is room for. */
  readonly story?: Trace
}

/** An endpoint, and how many connections it was given. */
export interface LiveShare {
  readonly endpoint: string
  readonly pod?: string
  readonly count: number
}

export interface LiveTrace {
  readonly from: string
  readonly to: string
  readonly protocol: Protocol
  readonly live: {
    /** How long it was watched. */
    readonly seconds: number
    /** What was watched, in words. */
    readonly watched: string
    /** Connections that began in that time (datagrams: exchanges that were followed), and how many of them were followed. */
    readonly begun: number
    readonly followed: number
    readonly verdicts: Readonly<Partial<Record<Verdict, number>>>
    readonly endpoints: readonly LiveShare[]
    /** Of those that were answered: the least, the middle, the most. */
    readonly answeredMs?: { readonly least: number; readonly median: number; readonly most: number }
    /** In the order in which they began. */
    readonly flows: readonly LiveFlow[]
    /** What stood already when the watch began, and stands. */
    readonly established: readonly EstablishedFact[]
    /** What could not be seen, or has to be known to read the rest rightly. */
    readonly notes: readonly string[]
  }
}

/** What is told while it goes on, one JSON object a line. The last is `summary`. */
export type LiveEvent =
  | {
      readonly kind: 'watching'
      readonly id: string
      readonly from: string
      readonly to: string
      readonly seconds: number
      readonly watched: string
    }
  | { readonly kind: 'flow'; readonly flow: LiveFlow }
  | { readonly kind: 'summary'; readonly trace: LiveTrace }
