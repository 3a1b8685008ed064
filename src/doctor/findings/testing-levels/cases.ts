import { address } from '../../../base/address.ts'
import { parseTarget } from '../../../trace/ask/target.ts'
import type { Case } from '../../../trace/case.ts'
import type { Answer } from '../../../trace/probe/spec.ts'
import { type Told, tell } from '../../../trace/tell/tell.ts'
import { told } from '../../../trace/testing/across.ts'
import type { View } from '../../types.ts'
import { now } from '../testing.ts'

type Sent = Extract<Answer, { kind: 'sent' }>

export function caseOf(change: Partial<Told>): Case {
  const cases: Case[] = []
  tell({ ...told, ...change }, (one) => {
    cases.push(one)
    return []
  })
  const [request] = cases
  if (!request) throw new TypeError('a request has been told')
  return request
}

export function viewOf(request: Case): View {
  return { cluster: request.cluster, ranges: request.ranges, machines: [], now, request }
}

/** A request of which nothing was seen, for what objects and answers alone say. */
export function asked(to: string, change: Partial<Told> = {}): View {
  const nothing = { dns: [], observations: [], result: undefined, to: undefined }
  return viewOf(caseOf({ ...nothing, target: parseTarget(to), ...change }))
}

/** The recorded request, with another end. */
export function ended(change: Partial<Told>, also: Partial<Case> = {}): View {
  return viewOf({ ...caseOf(change), ...also })
}

/** The recorded request as far as its packets were seen: so many of them there, and back. */
export function seen(there: number, back: number, change: Partial<Told> = {}, also: Partial<Case> = {}): View {
  const request = caseOf(change)
  const { flow } = request.story
  const rest = back === 0 ? { answer: undefined } : {}
  const short = { ...flow, ...rest, there: flow.there.slice(0, there), back: flow.back.slice(0, back) }
  return viewOf({ ...request, story: { ...request.story, flow: short }, ...also })
}

export const sent = (outcome: Sent['outcome'], status?: string): Sent => ({
  kind: 'sent',
  outcome,
  ms: 1,
  ...(status !== undefined && { status }),
})
export const at = (text: string, port: number): Told['to'] => ({ address: address(text), port })

/** The same, with a node's own program in the place of the pod's. */
export function fromNode(request: Case): Case {
  const { flow } = request.story
  const place = { kind: 'node', name: 'node2', node: 'node2' } as const
  const back = flow.back.map((one, index) => (index === 0 ? { ...one, place } : one))
  return { ...request, story: { ...request.story, flow: { ...flow, back } } }
}
