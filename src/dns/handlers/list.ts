import type { Forwarder } from '../forward/forward.ts'
import type { LoopWatch } from '../forward/loop.ts'
import type { Hosts } from '../hosts/hosts.ts'
import type { Stubs } from '../forward/stubs.ts'
import type { Zone } from '../zone/zone.ts'
import { askInOrder } from './ask.ts'
import { autopathHandler } from './autopath.ts'
import { clusterHandler } from './cluster.ts'
import { forwardHandler } from './forward.ts'
import type { Handler } from './handler.ts'
import { hostsHandler } from './hosts.ts'
import { loopHandler } from './loop.ts'
import { ReadyAnswers } from './ready.ts'
import { reverseHandler } from './reverse.ts'
import { stubHandler } from './stub.ts'

/** All handlers, in the order in which they are asked. */
export interface HandlerList {
  readonly handlers: readonly Handler[]
  readonly ready: ReadyAnswers
  readonly recursive: boolean
}

export interface Parts {
  readonly zone: Zone
  readonly synced: () => boolean
  readonly hosts?: Hosts | undefined
  /** Name servers of single domains. */
  readonly stubs?: Stubs
  readonly forward?: Forwarder | undefined
  /** The search domains of nodes; undefined: every pod walks its search list by itself. */
  readonly autopath?: readonly string[] | undefined
  /** Asked before all others. */
  readonly loop?: LoopWatch
}

export function handlerList({ zone, synced, hosts, stubs, forward, autopath, loop }: Parts): HandlerList {
  const ready = new ReadyAnswers({ zone, synced, first: autopath === undefined })
  const abroad: Handler[] = [...(stubs ? [stubHandler(stubs)] : []), ...(forward ? [forwardHandler(forward)] : [])]
  const others: Handler[] = [
    reverseHandler({ zone, synced, ready }),
    ...(hosts ? [hostsHandler(hosts, (query, asker) => askInOrder(abroad, query, asker))] : []),
    ...abroad,
  ]
  // An ExternalName may mean any name that this server has an answer for.
  const cluster = clusterHandler({
    zone,
    synced,
    ready,
    outside: (query, asker) => askInOrder(others, query, asker),
  })
  const all = [cluster, ...others]
  const before = [
    ...(loop ? [loopHandler(loop)] : []),
    ...(autopath
      ? [
          autopathHandler({
            zone,
            synced,
            nodeSearches: autopath,
            others: (query, asker) => askInOrder(all, query, asker),
          }),
        ]
      : []),
  ]
  return { handlers: [...before, ...all], ready, recursive: forward !== undefined || stubs !== undefined }
}
