import type { Story } from './tell/story.ts'
import type { Told } from './tell/tell.ts'
import type { Hop, Verdict, Why } from './types.ts'

/** A request that was sent, and everything that is known of it once its hops are told. */
export interface Case extends Told {
  readonly story: Story
  readonly verdict: Verdict
  readonly hops: readonly Hop[]
  /** Nothing was sent: verdict and hops are a prediction, and no kernel was asked; in a cluster of Kubehop's own, or in another's. */
  readonly foretold?: 'own' | 'others'
}

/** Causes that somebody recognises in a case; the doctor does (src/doctor/explain.ts). */
export type Explain = (one: Case) => Why[]
