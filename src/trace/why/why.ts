import type { Hop, Verdict, Why } from '../types.ts'
import type { Told } from '../tell/tell.ts'
import type { Story } from '../tell/story.ts'
import { nobodyHas, nodeRefuses } from './address.ts'
import { notForYou } from './policy.ts'
import { noEndpoints, wrongPort } from './service.ts'
import { nameMissing, noNameServer, slowName } from './name.ts'
import { nobodyListens, programSilent } from './socket.ts'

export interface Case extends Told {
  readonly story: Story
  readonly verdict: Verdict
  readonly hops: readonly Hop[]
}

/** Every cause that can be recognised, in the order in which they are told. */
const causes: readonly ((one: Case) => Why[])[] = [
  noNameServer,
  nameMissing,
  nobodyHas,
  noEndpoints,
  notForYou,
  wrongPort,
  nobodyListens,
  programSilent,
  nodeRefuses,
  slowName,
]

export function whyOf(one: Case): Why[] {
  return causes.flatMap((cause) => cause(one))
}
