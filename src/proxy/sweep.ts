import { type Family, family } from '../base/address.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { type Conntrack, openConntrack } from '../kernel/conntrack/socket.ts'
import { type Packed, packAddress } from '../kernel/nftables/packed.ts'
import type { Netns } from '../kernel/netns.ts'
import { type Flow, flowOf, readFlow } from './layout/keys.ts'
import { forgetStale } from './udp.ts'

export interface Swept {
  readonly seconds: number
  readonly deleted: number
}

export interface Sweeper {
  /** The endpoints of these UDP flows are others now, and the kernel has been told. */
  add(flows: ReadonlySet<Packed>): void
  close(): void
}

/** Between two sweeps: each walks the kernel's whole connection table, which takes milliseconds. */
const pauseMs = 100
/**
 * After a sweep the same flows are looked at once more: a datagram that another processor handled by the old rules may have made its entry after
 * the sweep had passed it.
 */
const againMs = 500

/** Has the kernel forget UDP connections that lead to endpoints which have left. In a turn of its own, so that it holds up no commit. */
export function openSweeper(options: {
  readonly ns: Netns | undefined
  readonly family: Family
  /** Of the present; undefined or empty when nobody serves the flow. */
  readonly endpointsOf: (flow: Packed) => ReadonlySet<Packed> | undefined
  readonly onSwept: (swept: Swept) => void
  readonly onFailed: () => void
  readonly log: Log
}): Sweeper {
  const { ns, family: of, endpointsOf, onSwept, onFailed, log } = options
  const due = new Set<Packed>()
  let conntrack: Conntrack | undefined
  let next: NodeJS.Timeout | undefined
  const again = new Set<NodeJS.Timeout>()
  let last = Number.NEGATIVE_INFINITY

  return {
    add(flows) {
      if (flows.size === 0) return
      for (const flow of flows) due.add(flow)
      next ??= setTimeout(sweepDue, Math.max(0, last + pauseMs - performance.now()))
    },
    close() {
      clearTimeout(next)
      for (const timer of again) clearTimeout(timer)
      conntrack?.close()
    },
  }

  function sweepDue(): void {
    next = undefined
    const flows = [...due]
    due.clear()
    if (sweep(flows)) lookAgain(flows)
    else {
      // They are not forgotten: perhaps it can be done a little later.
      for (const flow of flows) due.add(flow)
      next = setTimeout(sweepDue, againMs)
    }
  }

  function lookAgain(flows: readonly Packed[]): void {
    const timer = setTimeout(() => {
      again.delete(timer)
      sweep(flows)
    }, againMs)
    again.add(timer)
  }

  function sweep(flows: readonly Packed[]): boolean {
    const started = performance.now()
    last = started
    const known = new Map<string, ReadonlySet<Packed>>()
    const endpoints = ({ address, protocol, port }: Flow): ReadonlySet<Packed> | undefined => {
      if (family(address) !== of) return undefined
      const key = `${address} ${port}`
      let found = known.get(key)
      if (!found) known.set(key, (found = endpointsOf(flowOf(packAddress(address), protocol, port)) ?? nobody))
      return found
    }
    try {
      conntrack ??= openConntrack(ns)
      const deleted = forgetStale(
        conntrack,
        flows.map((flow) => readFlow(flow, of)),
        endpoints,
      )
      if (deleted > 0) log.info({ deleted }, 'UDP connections to endpoints that have left were forgotten')
      onSwept({ seconds: (performance.now() - started) / 1000, deleted })
      return true
    } catch (error) {
      log.error({ err: messageOf(error) }, 'cannot look for UDP connections to endpoints that have left')
      onFailed()
      return false
    }
  }
}

const nobody: ReadonlySet<Packed> = new Set()
