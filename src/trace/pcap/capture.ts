import type { Cluster } from '../cluster/cluster.ts'
import type { Observation, PacketSeen } from '../observation.ts'
import type { WatchSpec } from '../observe/spec.ts'
import { ownPackets } from './own.ts'

/** What one file takes, of all places together. */
const mostBytes = 64 * 1024 * 1024

/** Packets of all watchers, for a file. Bounded: what comes when it is full is counted. */
export class Capture {
  readonly packets: PacketSeen[] = []
  /** Words of what is missing. */
  readonly missing: string[] = []
  /** Gives addresses their names. */
  cluster: Cluster | undefined
  #bytes = 0
  #left = 0

  /** What watchers of one request saw: its own packets are kept. */
  addOwn(observations: readonly Observation[], spec: Pick<WatchSpec, 'port' | 'span'>): void {
    const packets = observations.filter((one) => one.kind === 'packet')
    this.add([...observations.filter((one) => one.kind !== 'packet'), ...ownPackets(packets, spec)])
  }

  add(observations: readonly Observation[]): void {
    for (const one of observations) {
      if (one.kind === 'lost') this.missing.push(`${one.place.name}: ${one.say}`)
      if (one.kind === 'unwatched') this.missing.push(`${one.node} could not be watched: ${one.say}`)
      if (one.kind !== 'packet') continue
      const size = (one.frame.length * 3) / 4
      if (this.#bytes + size > mostBytes) this.#left++
      else {
        this.#bytes += size
        this.packets.push(one)
      }
    }
  }

  /** What a reader of the file has to know: it has not got everything. */
  get notes(): string[] {
    const full = `${this.#left} packets more than fit into ${mostBytes / 1024 / 1024} MiB`
    return [...new Set(this.missing), ...(this.#left > 0 ? [full] : [])]
  }
}
