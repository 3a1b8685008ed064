import type { HookName } from './chain.ts'
import type { Address } from '../../base/address.ts'
import { ctStatus } from './expr/ct.ts'
import { type Learned, type LiveSets, liveSets } from './learned.ts'
import { type Outcome, runRule, type World } from './machine.ts'
import type { Packet } from './packet.ts'
import type { Rule } from './rule.ts'
import type { Chain, Ruleset } from './ruleset.ts'

/** What a table does with a packet in one hook. */
export interface Passage {
  readonly fate: 'accept' | 'drop' | { readonly reject: string }
  /** The packet as it leaves the hook: translated, if it was. */
  readonly packet: Packet
  readonly masquerade: boolean
  /** What changed in sets, in order. */
  readonly learned: readonly Learned[]
  /** Every rule that matched, in order. */
  readonly steps: readonly Step[]
  /** What a rule would have needed to know; such rules count as not matching. */
  readonly unknown: readonly string[]
}

export interface Step {
  readonly chain: string
  /** Its place in the chain, from 0. */
  readonly index: number
  readonly rule: Rule
  readonly outcome: Outcome
}

/** Chains entered by jump within each other; the kernel's own limit (NFT_JUMP_STACK_SIZE). */
const deepest = 16

/** Walks a packet through the table's chains of one hook, by priority, as the kernel would. Pure, except for `choose`. */
export function walk(ruleset: Ruleset, hook: HookName, sent: Packet, choose: World['choose'] = randomly): Passage {
  const packet = hook === 'output' ? { ...sent, byNode: true } : sent
  const bases = [...ruleset.chains.values()]
    .filter((chain) => chain.hook?.hook === hook)
    .sort((a, b) => placeOf(a) - placeOf(b) || (a.hook?.priority ?? 0) - (b.hook?.priority ?? 0))
  const walker = new Walker(ruleset, packet, choose)
  for (const base of bases) {
    // Chains of type nat see the first packet of a connection only, and not once it is translated.
    if (base.hook?.type === 'nat' && ((packet.state ?? 'new') !== 'new' || walker.settled(hook))) continue
    const fate = walker.chain(base, 0) ?? base.hook?.policy ?? 'accept'
    if (fate !== 'accept') return walker.passage(fate)
  }
  return walker.passage('accept')
}

/** Translation has its place in a hook (NF_IP_PRI_NAT_DST, _SRC), whatever the priority of a chain: that orders nat chains among themselves. */
function placeOf({ hook }: Chain): number {
  if (hook?.type !== 'nat') return hook?.priority ?? 0
  return hook.hook === 'prerouting' || hook.hook === 'output' ? -100 : 100
}

type Fate = Passage['fate']

class Walker {
  readonly #ruleset: Ruleset
  readonly #choose: World['choose']
  readonly #sets: LiveSets
  readonly #meta: World['meta']
  #packet: Packet
  #masquerade = false
  readonly #steps: Step[] = []
  readonly #unknown: string[] = []

  constructor(ruleset: Ruleset, packet: Packet, choose: World['choose']) {
    this.#ruleset = ruleset
    this.#packet = packet
    this.#choose = choose
    this.#sets = liveSets(ruleset)
    this.#meta = { mark: packet.mark ?? 0 }
  }

  passage(fate: Fate): Passage {
    const { mark } = this.#meta
    return {
      fate,
      packet: mark === (this.#packet.mark ?? 0) ? this.#packet : { ...this.#packet, mark },
      masquerade: this.#masquerade,
      learned: this.#sets.learned,
      steps: this.#steps,
      unknown: this.#unknown,
    }
  }

  settled(hook: HookName): boolean {
    const bit = hook === 'prerouting' || hook === 'output' ? ctStatus.dnat : ctStatus.snat
    return ((this.#packet.status ?? 0) & bit) !== 0 || this.#masquerade
  }

  /** undefined: the chain's end was reached, or `return`. */
  chain(chain: Chain, depth: number): Fate | undefined {
    if (depth > deepest) throw new RangeError(`chain ${chain.name} is entered more than ${deepest} levels deep`)
    for (const [index, rule] of chain.rules.entries()) {
      const outcome = runRule(rule.exprs, {
        family: this.#ruleset.table.family,
        sets: this.#sets,
        packet: this.#packet,
        meta: this.#meta,
        choose: this.#choose,
      })
      if (outcome.is === 'miss') continue
      if (outcome.is === 'unknown') {
        this.#unknown.push(`${chain.name}: ${outcome.why}`)
        continue
      }
      this.#steps.push({ chain: chain.name, index, rule, outcome })
      const next = this.#obey(outcome, depth)
      if (next === 'go on') continue
      return next
    }
    return undefined
  }

  #obey(outcome: Exclude<Outcome, { is: 'miss' | 'unknown' }>, depth: number): Fate | undefined | 'go on' {
    switch (outcome.is) {
      case 'end':
        return 'go on'
      case 'reject':
        return { reject: outcome.with }
      case 'masquerade':
        this.#masquerade = true
        return 'accept'
      case 'translate':
        this.#translate(outcome.type, outcome.address, outcome.port)
        return 'accept'
      case 'verdict':
        break
    }
    const { verdict } = outcome
    switch (verdict.verdict) {
      case 'accept':
      case 'drop':
        return verdict.verdict
      case 'return':
        return undefined
      case 'continue':
      case 'break':
        return 'go on'
      case 'jump':
      case 'goto': {
        const target = this.#ruleset.chains.get(verdict.chain)
        if (!target) throw new RangeError(`there is no chain ${verdict.chain}`)
        const fate = this.chain(target, depth + 1)
        return fate ?? (verdict.verdict === 'jump' ? 'go on' : undefined)
      }
    }
  }

  #translate(type: 'dnat' | 'snat', address: Address | undefined, port: number | undefined): void {
    const before = this.#packet
    const original = before.original ?? { destination: before.destination, destinationPort: before.destinationPort }
    const status = (before.status ?? 0) | ctStatus[type]
    this.#packet =
      type === 'dnat'
        ? {
            ...before,
            original,
            status,
            destination: address ?? before.destination,
            destinationPort: port ?? before.destinationPort,
          }
        : { ...before, original, status, source: address ?? before.source, sourcePort: port ?? before.sourcePort }
  }
}

function randomly(modulus: number): number {
  return Math.floor(Math.random() * modulus)
}
