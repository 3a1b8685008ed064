import type { Facts, Observation } from '../observation.ts'
import type { EstablishedFact } from './observation.ts'

/** What watchers told that is not of one connection: the newest of each kind from each place. */
export class Known {
  readonly #facts = new Map<string, Facts>()
  readonly #states = new Map<string, Observation>()
  readonly #unwatched = new Map<string, string>()
  readonly #lost = new Set<string>()
  #bits = 0
  #isLossy = false
  /** Connections that began where the client is, as the kernel counted them. */
  begun = 0
  established: readonly EstablishedFact[] = []

  see(one: Observation): void {
    switch (one.kind) {
      case 'facts':
        this.#facts.set(`${one.place.kind} ${one.place.name}`, one)
        break
      case 'state':
        this.#states.set(`${one.place.kind} ${one.place.name}`, one)
        break
      case 'unwatched':
        this.#unwatched.set(one.node, one.say)
        break
      case 'lost':
        this.#lost.add(`${one.place.name}: ${one.say}`)
        break
      case 'thinned':
        this.#bits = Math.max(this.#bits, one.bits)
        this.#isLossy ||= one.lost > 0
        break
      case 'counted':
        this.begun = one.begun
        break
      case 'established':
        this.established = one.connections
        break
      default:
    }
  }

  /** Packets found no room somewhere. */
  get isLossy(): boolean {
    return this.#isLossy || this.#lost.size > 0
  }

  get isThinned(): boolean {
    return this.#bits > 0
  }

  /** What a connection's story needs besides its packets. */
  facts(): Observation[] {
    const unwatched = [...this.#unwatched].map(([node, say]) => ({ kind: 'unwatched', node, say }) as const)
    return [...this.#facts.values(), ...this.#states.values(), ...unwatched]
  }

  unwatched(node: string): string | undefined {
    return this.#unwatched.get(node)
  }

  notes(): string[] {
    return [
      ...(this.isThinned
        ? [
            `there were more connections than can be followed: since then about one in ${2 ** this.#bits} was, chosen by its first sequence number`,
          ]
        : []),
      ...[...this.#unwatched].map(([node, say]) => `${node} could not be watched: ${say}`),
      ...this.#lost,
    ]
  }
}
