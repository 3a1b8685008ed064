import type { Address } from '../base/address.ts'
import type { Packet } from '../kernel/nftables/packet.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { type Passage, type Step, walk } from '../kernel/nftables/walk.ts'
import { type Protocol, protocols } from './layout/keys.ts'

/** The first packet of a connection, as its sender makes it. */
export interface Question {
  readonly from: Address
  readonly to: Address
  readonly protocol: Protocol
  readonly port: number
  readonly sourcePort?: number
  /** Sent by the node itself (or a pod in its network), not by a pod. */
  readonly byNode?: boolean
}

/** An echo request (ICMP): no service has that protocol, but rules see it. Its ports mean nothing. */
export type AnyQuestion = Omit<Question, 'protocol'> & { readonly protocol: Protocol | 'ICMP' }

const icmp = 1

/** What the node's rules make of it. */
export interface Decision {
  readonly action:
    | {
        readonly is: 'endpoint'
        readonly address: Address
        readonly port: number /** Of so many. */
        readonly of: number
      }
    | { readonly is: 'reject'; readonly with: 'tcp reset' | 'icmp port unreachable' }
    | { readonly is: 'drop' }
    /** No service has a say: the packet goes on as it is. */
    | { readonly is: 'none' }
  /** The endpoint sees the node's address instead of the sender's. */
  readonly masquerade: boolean
  /** Every rule that matched, in order. */
  readonly steps: readonly Step[]
}

/**
 * What a ruleset does with the first packet of a connection, up to leaving the node. `choose` stands for the kernel's dice:
 * it gets a number N and answers from 0 to N - 1.
 */
export function decide(ruleset: Ruleset, question: AnyQuestion, choose?: (of: number) => number): Decision {
  let of = 1
  const packet: Packet = {
    source: question.from,
    destination: question.to,
    protocol: question.protocol === 'ICMP' ? icmp : protocols[question.protocol],
    sourcePort: question.sourcePort ?? 40_000,
    destinationPort: question.port,
  }
  const inward = walk(ruleset, question.byNode ? 'output' : 'prerouting', packet, (modulus) => {
    of = Math.max(of, modulus)
    return choose ? choose(modulus) : Math.floor(Math.random() * modulus)
  })
  if (inward.fate !== 'accept') return { action: refusal(inward.fate), masquerade: false, steps: inward.steps }
  const outward = walk(ruleset, 'postrouting', inward.packet, choose)
  const { destination: address, destinationPort: port } = inward.packet
  const translated = inward.packet.original !== undefined
  return {
    action: translated ? { is: 'endpoint', address, port, of } : { is: 'none' },
    masquerade: outward.masquerade,
    steps: [...inward.steps, ...outward.steps],
  }
}

/** Every decision that the dice allow: one for each endpoint of a service. */
export function decisions(ruleset: Ruleset, question: AnyQuestion): Decision[] {
  const first = decide(ruleset, question, () => 0)
  const all = [first]
  const { action } = first
  if (action.is !== 'endpoint') return all
  for (let slot = 1; slot < action.of; slot++) all.push(decide(ruleset, question, (of) => (of > slot ? slot : 0)))
  return all
}

function refusal(fate: Exclude<Passage['fate'], 'accept'>): Decision['action'] {
  if (fate === 'drop') return { is: 'drop' }
  return { is: 'reject', with: fate.reject === 'tcp reset' ? 'tcp reset' : 'icmp port unreachable' }
}
