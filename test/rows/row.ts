import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Service } from '../../src/api/objects/service.ts'
import { address } from '../../src/base/address.ts'
import type { Question } from '../../src/proxy/decide.ts'
import { ownAddresses } from './places.ts'

/** One packet, and what must become of it. */
export interface Row {
  readonly say: string
  readonly from: string
  /** Sent by the node itself. */
  readonly byNode?: true
  readonly to: string
  readonly port: number
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  /** Any of these endpoints; `none`: the packet goes on as it is. */
  readonly expect: readonly string[] | 'reject' | 'drop' | 'none'
  /** The endpoint sees the node instead of the sender. */
  readonly masquerade: boolean
}

/** Some services of one kind, and packets for them. All features live in one cluster: their addresses and ports are their own. */
export interface Feature {
  readonly services: readonly Service[]
  readonly slices: readonly EndpointSlice[]
  readonly rows: readonly Row[]
}

/** `to` is `100.64.0.20:80`, or `100.64.0.20:53/UDP`. */
export function row(say: string, from: string, to: string, expect: Row['expect'], masquerade?: 'masquerade'): Row {
  const [, at = '', port, protocol = 'TCP'] = /^([\d.]+):(\d+)(?:\/(\w+))?$/.exec(to) ?? []
  return {
    say,
    from,
    ...(ownAddresses.has(from) ? { byNode: true } : {}),
    to: at,
    port: Number(port),
    protocol: protocol as Row['protocol'],
    expect,
    masquerade: masquerade !== undefined,
  }
}

export function questionOf({ from, to, port, protocol, byNode }: Row): Question {
  return { from: address(from), to: address(to), port, protocol, byNode: byNode ?? false }
}

export function titleOf({ say, from, to, port, protocol }: Row): string {
  return `${say}: ${from} -> ${to}:${port}${protocol === 'TCP' ? '' : `/${protocol}`}`
}
