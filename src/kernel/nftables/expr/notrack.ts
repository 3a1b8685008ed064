import type { Codec } from './codec.ts'

/** Keeps connection tracking away from the packet; only before it has looked, at priority -300 (`raw`). */
export interface Notrack {
  readonly kind: 'notrack'
}

/** The kernel knows no attribute of it, and tells none. */
export const notrack: Codec<Notrack> = {
  write() {},
  read: () => ({ kind: 'notrack' }),
}
