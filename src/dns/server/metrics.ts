import { exponential } from '../../base/metrics/histogram.ts'
import type { Asker, HandlerName, Said } from '../handlers/handler.ts'
import { handlerNames } from '../handlers/handler.ts'
import type { Query } from '../wire/query.ts'

/**
 * Counts, all of them in one array of numbers: counting a message is a few additions, and what several workers counted is one
 * addition more. What each number means to people stands in families.ts.
 */
export class Metrics {
  /** Doubles: they count to 2^53 without a step missing. */
  readonly cells: Float64Array = new Float64Array(cellCount)
  #lastBucket = 0
  #lastSeconds = 0

  /** A question that was understood, and its answer. */
  answered(query: Query, asker: Asker, by: HandlerName | undefined, said: Said, reply: Buffer): void {
    const tcp = asker.transport === 'tcp' ? 1 : 0
    this.#message(typeIndex(query.type), tcp, asker, query.bytes.length, reply.length)
    if (query.opt?.dnssec === true) this.#up(places.signed)
    const rcode = 'reply' in said ? said.reply.rcode : said.answer.rcode
    this.#up(places.responses + handlerIndex(by) * rcodeCount + Math.min(rcode, rcodeCount - 1))
  }

  /** A message that was not understood: its answer is a header. */
  refused(asker: Asker, length: number, reply: Buffer): void {
    this.#message(0, asker.transport === 'tcp' ? 1 : 0, asker, length, reply.length)
    this.#up(places.responses + ((reply[3] ?? 0) & 0xf))
  }

  /** A message that gets no answer. */
  dropped(): void {
    this.#up(places.dropped)
  }

  /** A defect that a message uncovered. */
  panicked(): void {
    this.#up(places.panics)
  }

  /** A question was answered at once, in so many seconds. */
  took(seconds: number): void {
    this.#lastBucket = bucketOf(durationBounds, seconds)
    this.#lastSeconds = seconds
    this.tookAsLong()
  }

  /** One more, for who does not look at the clock each time. */
  tookAsLong(): void {
    this.#add(places.duration + this.#lastBucket, 1)
    this.#add(places.duration + durationBounds.length + 1, this.#lastSeconds)
  }

  /** An answer was waited for so many seconds. */
  waited(seconds: number): void {
    this.#observe(places.duration, durationBounds, seconds)
  }

  /** From the change of an endpoint until it was answered (Kubernetes' DNS programming latency). */
  programmed(kind: (typeof serviceKinds)[number], seconds: number): void {
    const start = places.programmed + serviceKinds.indexOf(kind) * (programmedBounds.length + 2)
    this.#observe(start, programmedBounds, seconds)
  }

  /** The server's question to its own /health. */
  healthAsked(seconds: number, failed: boolean): void {
    this.#observe(places.health, healthBounds, seconds)
    if (failed) this.#up(places.healthFailures)
  }

  reloadFailed(): void {
    this.#up(places.reloadFailed)
  }

  #message(type: number, tcp: number, { family }: Asker, asked: number, said: number): void {
    this.#up(places.requests + (type << 2) + (tcp << 1) + (family === 6 ? 1 : 0))
    this.#size(places.requestSize, tcp, asked)
    this.#size(places.responseSize, tcp, said)
  }

  #size(place: number, tcp: number, bytes: number): void {
    this.#observe(place + tcp * (sizeBounds.length + 2), sizeBounds, bytes)
  }

  #observe(start: number, bounds: readonly number[], value: number): void {
    this.#add(start + bucketOf(bounds, value), 1)
    this.#add(start + bounds.length + 1, value)
  }

  #up(cell: number): void {
    this.#add(cell, 1)
  }

  #add(cell: number, value: number): void {
    this.cells[cell] = (this.cells[cell] as number) + value
  }
}

/** As CoreDNS tells them apart, by number; all others are `other`, the first. */
export const countedTypes: readonly (readonly [code: number, name: string])[] = [
  [0, 'other'],
  [1, 'A'],
  [28, 'AAAA'],
  [33, 'SRV'],
  [12, 'PTR'],
  [2, 'NS'],
  [5, 'CNAME'],
  [6, 'SOA'],
  [15, 'MX'],
  [16, 'TXT'],
  [43, 'DS'],
  [46, 'RRSIG'],
  [47, 'NSEC'],
  [48, 'DNSKEY'],
  [50, 'NSEC3'],
  [64, 'SVCB'],
  [65, 'HTTPS'],
  [251, 'IXFR'],
  [252, 'AXFR'],
  [255, 'ANY'],
]
const typeIndexes = new Uint8Array(256)
for (const [index, [code]] of countedTypes.entries()) typeIndexes[code] = index

export const serviceKinds = ['cluster_ip', 'headless_with_selector', 'headless_without_selector'] as const
/** What no handler answered comes first, as the empty `plugin`. */
export const answerers: readonly string[] = ['', ...handlerNames]
export const rcodeCount = 24

// Bounds are CoreDNS'. A histogram is a cell for each, one for all above, and one for the sum.
/** Seconds: 0.25 ms to 8 s. */
export const durationBounds: readonly number[] = exponential(0.00025, 2, 16)
/** Seconds: 1 ms to 9 minutes. */
export const programmedBounds: readonly number[] = exponential(0.001, 2, 20)
/** Seconds: 0.25 ms to 2.5 s. */
export const healthBounds: readonly number[] = exponential(0.00025, 10, 5)
/** Bytes. */
export const sizeBounds: readonly number[] = [
  0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000,
]

type CountKind =
  | 'requests'
  | 'signed'
  | 'responses'
  | 'requestSize'
  | 'responseSize'
  | 'duration'
  | 'programmed'
  | 'health'
  | 'healthFailures'
  | 'reloadFailed'
  | 'dropped'
  | 'panics'

const sizes: Readonly<Record<CountKind, number>> = {
  requests: countedTypes.length * 4,
  signed: 1,
  responses: answerers.length * rcodeCount,
  requestSize: 2 * (sizeBounds.length + 2),
  responseSize: 2 * (sizeBounds.length + 2),
  duration: durationBounds.length + 2,
  programmed: serviceKinds.length * (programmedBounds.length + 2),
  health: healthBounds.length + 2,
  healthFailures: 1,
  reloadFailed: 1,
  dropped: 1,
  panics: 1,
}

/** Where each kind of number begins. */
export const places: Readonly<Record<CountKind, number>> = oneAfterAnother(sizes)
const cellCount: number = Object.values(sizes).reduce((sum, size) => sum + size, 0)

function oneAfterAnother<K extends string>(sizes: Readonly<Record<K, number>>): Record<K, number> {
  let next = 0
  const begins = (size: number): number => (next += size) - size
  const entries = Object.entries<number>(sizes).map(([name, size]) => [name, begins(size)])
  return Object.fromEntries(entries) as Record<K, number>
}

function typeIndex(type: number): number {
  return type < 256 ? (typeIndexes[type] as number) : 0
}

function handlerIndex(by: HandlerName | undefined): number {
  return by === undefined ? 0 : 1 + handlerNames.indexOf(by)
}

function bucketOf(bounds: readonly number[], value: number): number {
  let bucket = 0
  while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++
  return bucket
}
