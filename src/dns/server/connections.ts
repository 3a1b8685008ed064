import type { LimitsConfig } from '../config/config.ts'
import type { Connection } from './connection.ts'

export type TcpLimits = Pick<LimitsConfig, 'tcpConnections' | 'tcpPerClient' | 'tcpIdle'>

/**
 * All clients' connections within their limits: over one, the connection that has asked nothing for the longest time makes room; when all have
 * questions under way, the new one is ended. So neither many connections nor one client's keep others out for long (RFC 7766 section 6.2.2).
 */
export class Connections {
  /** May be changed; what is open stays. */
  limits: TcpLimits
  /** Those that were ended for want of room. */
  ended = 0
  /** The one whose last message came longest ago stands first. */
  readonly #open = new Set<Connection>()
  readonly #ofClient = new Map<string, number>()

  constructor(limits: TcpLimits) {
    this.limits = limits
  }

  get size(): number {
    return this.#open.size
  }

  /** False: there was no room, and the connection is ended. */
  add(connection: Connection): boolean {
    const { client } = connection
    const { tcpConnections, tcpPerClient } = this.limits
    const mine = (one: Connection): boolean => one.client === client
    const fits =
      ((this.#ofClient.get(client) ?? 0) < tcpPerClient || this.#makeRoom(mine)) &&
      (this.#open.size < tcpConnections || this.#makeRoom(() => true))
    if (!fits) {
      this.ended++
      connection.destroy()
      return false
    }
    this.#open.add(connection)
    this.#ofClient.set(client, (this.#ofClient.get(client) ?? 0) + 1)
    connection.onMessage = () => {
      if (this.#open.delete(connection)) this.#open.add(connection)
    }
    connection.onClose = () => this.#remove(connection)
    return true
  }

  #makeRoom(among: (connection: Connection) => boolean): boolean {
    for (const connection of this.#open) {
      if (connection.busy || !among(connection)) continue
      this.ended++
      this.#remove(connection)
      connection.destroy()
      return true
    }
    return false
  }

  #remove(connection: Connection): void {
    if (!this.#open.delete(connection)) return
    const left = (this.#ofClient.get(connection.client) ?? 0) - 1
    if (left > 0) this.#ofClient.set(connection.client, left)
    else this.#ofClient.delete(connection.client)
  }
}
