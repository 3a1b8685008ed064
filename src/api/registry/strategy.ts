import type { Fault } from '../errors.ts'
import type { AnyObject } from '../json.ts'
import type { KindName, Kinds } from '../objects/index.ts'
import type { KubeObject } from '../objects/meta.ts'
import type { Resource } from '../resources.ts'

/** What the API server does with one kind beyond storing it. Every step but `validate*` may change the object it gets. */
export interface Strategy<T extends KubeObject> {
  /** The rule that names follow. */
  readonly names: 'subdomain' | 'label' | 'service'
  /** Counts changes of the wish (all but metadata and status) in metadata.generation. */
  readonly generation?: boolean
  /** Fills what clients may leave out; runs again on each update, so it must leave a filled object as it is. */
  readonly defaults?: (object: T) => void
  /** Before defaults of a new object: resets what only the server writes, and admission. */
  readonly prepareCreate?: (object: T, world: World) => void
  readonly prepareUpdate?: (object: T, old: T, world: World) => void
  readonly validate?: (object: T) => Fault[]
  readonly validateCreate?: (object: T) => Fault[]
  readonly validateUpdate?: (object: T, old: T) => Fault[]
  /** Fills what writers of the status may leave out. */
  readonly statusDefaults?: (object: T) => void
  readonly validateStatus?: (object: T, old: T) => Fault[]
  /** After everything is valid: takes what is scarce (addresses, ports). Returns faults when it is taken. */
  readonly allocate?: (object: T, old: T | undefined, world: World) => Fault[]
  /** Subresources that write one part of an object. */
  readonly parts?: Readonly<Partial<Record<Part, PartStrategy<T>>>>
  /** Seconds between the wish to delete and the end; 0: at once. */
  readonly gracePeriod?: (object: T, asked: number | undefined) => number
}

/** A subresource, other than the status, by which a part of an object is written that is for life otherwise. */
export type Part = 'ephemeralcontainers'

export interface PartStrategy<T extends KubeObject> {
  /** Takes the part from what a client sent; nothing else of it counts. */
  readonly take: (next: T, sent: T) => void
  readonly validate: (next: T, old: T) => Fault[]
}

/** What a strategy may look at. */
export interface World {
  get<K extends KindName>(kind: K, name: string, namespace?: string): Kinds[K] | undefined
  readonly resource: (kind: KindName) => Resource
  /** Addresses and node ports in use. */
  readonly services: ServiceAllocator
}

export interface ServiceAllocator {
  /** A free address, or undefined when there is none. */
  freeAddress(): string | undefined
  /** Why this address cannot be had by this service, or undefined when it can. */
  refuseAddress(address: string, owner: string): string | undefined
  freePort(taken: ReadonlySet<number>): number | undefined
  refusePort(port: number, owner: string): string | undefined
  readonly family: 'IPv4' | 'IPv6'
}

export type AnyStrategy = Strategy<AnyObject>
