import { pino } from 'pino'
import type { Client } from '../../src/api/client/client.ts'
import type { Log } from '../../src/base/log.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { Book } from '../../src/proxy/book.ts'
import { keepTable } from '../../src/proxy/keeper.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { portionOf } from '../../src/proxy/portion.ts'
import { startProxy } from '../../src/proxy/proxy.ts'
import { nodeFacts, podCidr, type Served, serviceCidr } from './make.ts'

// The only file of the benches that knows the proxy from inside.

/** The proxy without its client: objects in, one transaction per `commit`. */
export interface Ours {
  put(served: Served): void
  remove(served: Served): void
  /** Milliseconds from the changed book to the kernel's answer. */
  commit(): number
  close(): void
}

export interface Features {
  /** Connections, packets and bytes of every service are counted. */
  readonly counters?: boolean
}

export function openOurs(ns: Netns, { counters = false }: Features = {}): Ours {
  const node = { ...nodeFacts, counters }
  const keeper = keepTable({
    ns,
    table: families[serviceCidr.family].table,
    log: pino({ level: 'silent' }),
    onForeignChange: (who) => {
      throw new Error(`somebody else changed the table: ${JSON.stringify(who)}`)
    },
  })
  const book = new Book(node)
  const keyOf = ({ service }: Served): string => `${service.metadata.namespace}/${service.metadata.name}`
  return {
    put(served) {
      const { service, slice } = served
      const { portion } = portionOf(service, [slice], node)
      book.put(keyOf(served), portion, service.metadata.creationTimestamp)
    },
    remove: (served) => void book.put(keyOf(served), undefined),
    commit() {
      const begun = performance.now()
      keeper.commit(book)
      return performance.now() - begun
    },
    close: () => keeper.close(),
  }
}

/** The whole of a node's proxy; fulfilled when the kernel holds what the first lists say. */
export async function runOurs(client: Client, ns: Netns, log: Log): Promise<void> {
  await startProxy({ client, nodeName: nodeFacts.name, podCidr, serviceCidr, ns, log }).synced
}

/** What it logs after every transaction. */
export const committedMessage = 'services in the kernel'
