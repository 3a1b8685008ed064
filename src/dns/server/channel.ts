import type { DnsConfig } from '../config/config.ts'
import type { Dns } from '../dns.ts'

// What the supervisor of several workers and a worker say to each other.

export type ToWorker =
  | {
      readonly kind: 'start'
      /** With the ports that all of them share. */
      readonly config: DnsConfig
      /** Only one of several tells people about the API server. */
      readonly tells: boolean
      /** Others answer meanwhile: this one joins them when it knows everything. */
      readonly joins: boolean
    }
  | { readonly kind: 'configure'; readonly config: DnsConfig }
  /** `whole`: with what costs text, for a scrape. */
  | { readonly kind: 'measure'; readonly whole: boolean }
  | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'listening'; readonly ports: Dns['ports']['dns'] }
  | { readonly kind: 'failed'; readonly op: 'start' | 'configure'; readonly code: string; readonly say: string }
  | { readonly kind: 'synced' }
  | { readonly kind: 'configured' }
  | ({ readonly kind: 'measured'; readonly whole: boolean } & Measured)

export interface Measured {
  readonly cells: Float64Array
  /** Of each metric that is not in the cells, its samples as text. */
  readonly families: readonly MeasuredFamily[]
}

export interface MeasuredFamily {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly text: string
}
