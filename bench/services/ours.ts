import type { Netns } from '../../src/kernel/netns.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { Book } from '../../src/proxy/book.ts'
import { portionOf } from '../../src/proxy/portion.ts'
import { nodeFacts, type Served } from './make.ts'

/** The proxy without its watch: objects in, one transaction per `commit`. */
export interface Ours {
  put(served: Served): void
  /** Milliseconds that the kernel took, encoding included. */
  commit(): number
  close(): void
}

export function openOurs(ns: Netns): Ours {
  const nftables = openNftables(ns)
  const book = new Book(nodeFacts)
  let first = true
  return {
    put({ service, slice }) {
      const key = `${service.metadata.namespace}/${service.metadata.name}`
      book.put(key, portionOf(service, [slice], nodeFacts).portion, undefined)
    },
    commit() {
      const transaction = first ? book.repair(undefined) : book.changes()
      first = false
      const begun = performance.now()
      nftables.apply(transaction)
      const took = performance.now() - begun
      book.commit()
      return took
    },
    close: () => nftables.close(),
  }
}
