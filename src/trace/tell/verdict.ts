import type { Sighting } from '../flow/flow.ts'
import type { ProbeResult } from '../probe/spec.ts'
import type { RuleMet } from '../observation.ts'
import type { Protocol, Verdict } from '../types.ts'
import { listenerOn } from './atpod.ts'
import { errorOf, verdictOfError } from './error.ts'
import { droppedBy, refuses } from './rules.ts'
import { factsOf, ipOf, type Story } from './story.ts'

/** One word for what became of the request: from what the sender's kernel said, and from where the answer was first seen. */
export function verdictOf(story: Story, result: Extract<ProbeResult, { kind: 'sent' }>, protocol: Protocol): Verdict {
  const error = errorOf(story)
  if (error?.heard && result.outcome !== 'answered' && result.outcome !== 'connected')
    return verdictOfError(error, refusedBy(story))
  switch (result.outcome) {
    case 'answered':
      return 'delivered'
    case 'connected':
      // The kernel of the pod took the connection; its program never answered the request.
      return 'no-answer'
    case 'refused':
      return refusedBy(story) === 'target' ? 'refused' : 'rejected'
    case 'unreachable': {
      const by = stoppedAtHome(story)
      return by ? (refuses(by) ? 'rejected' : 'dropped') : 'unreachable'
    }
    case 'too-big':
      return 'too-big'
    case 'timeout': {
      const last = story.flow.there.at(-1)
      // UDP asks for no answer; a question does.
      if (last && protocol !== 'dns' && tookDatagram(story, last)) return 'delivered'
      const drop = last && droppedBy(story, last.place, ipOf(last))
      // A refusal that got lost is no word to who asked.
      return drop && !refuses(drop) ? 'dropped' : 'no-answer'
    }
  }
}

/** Whom a rule of its own machine stops is told so at once (EPERM), as if there were no way. */
function stoppedAtHome(story: Story): RuleMet | undefined {
  const { there, answer } = story.flow
  const last = there.at(-1)
  // What its rules say, others of them may keep from its socket; translated before another rule was against it, no device saw it either.
  if (
    !last ||
    (answer !== undefined && errorOf(story)?.heard !== false) ||
    there.some(({ local, ruled }) => !local && !ruled)
  )
    return undefined
  return droppedBy(story, last.place, ipOf(last))
}

/**
 * Who made the packet that says no: the machine that has the address (a pod, a node, one that nobody watches), or a node on the way
 * that speaks for an address which is not its own.
 */
export function refusedBy(story: Story): 'target' | 'node' | undefined {
  const first = story.flow.back[0]
  if (!first) return undefined
  if (first.place.kind === 'pod' || first.direction === 'in') return 'target'
  const asked = story.flow.there.at(-1)
  // A node's own address may be a service's, too: a node port.
  if (asked && asked.place.name === first.place.name && droppedBy(story, asked.place, ipOf(asked))) return 'node'
  const mine = factsOf(story, first.place)?.addresses ?? []
  return asked && mine.includes(ipOf(asked).destination) ? 'target' : 'node'
}

/** A program need not answer a datagram: it has it when a socket in its pod, or on its node, takes that port. */
export function tookDatagram(story: Story, last: Sighting): boolean {
  const { destination, transport } = ipOf(last)
  if (transport?.kind !== 'udp' || last.place.kind === 'router' || last.direction !== 'in') return false
  const facts = factsOf(story, last.place)
  // What only passes a machine is none of its sockets', whatever port they wait at.
  if (!facts?.addresses.includes(destination) && !destination.startsWith('127.')) return false
  return listenerOn(facts, 'udp', destination, transport.destinationPort) !== undefined
}
