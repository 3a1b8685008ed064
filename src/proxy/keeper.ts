import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Ruleset } from '../kernel/nftables/ruleset.ts'
import { type Applied, isChanged, type Nftables, openNftables } from '../kernel/nftables/socket.ts'
import type { Transaction } from '../kernel/nftables/transaction.ts'
import type { Table } from '../kernel/nftables/table.ts'
import { type TableWatch, watchTable, type Who } from '../kernel/nftables/watch.ts'
import type { Netns } from '../kernel/netns.ts'
import type { Book } from './book.ts'

/** One table of the kernel, changed only by whoever knows what is in it. */
export interface TableKeeper {
  /**
   * Makes the kernel hold what the book wants, in one transaction. `foreign`: somebody else has changed the table meanwhile, nothing was done, and a
   * new book has to be made of what {@link look} finds. Throws when the kernel refuses: then it holds what it held.
   */
  commit(book: Book): Committed | { readonly foreign: Who }
  /** What the kernel holds now; the next commit begins there. */
  look(): Ruleset | undefined
  /** The socket, for whoever reads. */
  readonly nftables: Pick<Nftables, 'read' | 'readElementsSlowly'>
  close(): void
}

export interface Committed extends Applied {
  /** How many elements were added, changed or deleted. */
  readonly elements: number
}

/**
 * While anybody listens, the kernel makes a notification for every element, 4 kB each, and keeps them all until the transaction is done: half a million take 2 GB
 * and four times as long. For more elements than this we do not listen; who changes the table meanwhile is noticed by the generation.
 */
const many = 5000

/** How often somebody else's transactions in other tables may come between, before it is taken for a fault. */
const attempts = 20

/** `onForeignChange`: somebody else has changed the table; called from the first commit on. Throws when nf_tables cannot be used at all. */
export function keepTable(options: {
  readonly ns: Netns | undefined
  readonly table: Table
  readonly log: Log
  readonly onForeignChange: (who: Who) => void
}): TableKeeper {
  const { ns, table, log, onForeignChange } = options
  const nftables = openNftables(ns)
  let watch: TableWatch | undefined
  let generation = 0
  /** The kernel's state where the book's memory of it does not count; `known` when it does. */
  let state: 'known' | 'unknown' | { readonly kernel: Ruleset | undefined } = 'unknown'

  return { commit, look, nftables, close }

  function look(): Ruleset | undefined {
    // In this order: what changes in between makes the next commit fail.
    generation = nftables.generation().id
    // What has been told by now is in what is read.
    watch?.drain()
    const kernel = nftables.read(table)
    state = { kernel }
    return kernel
  }

  function commit(book: Book): ReturnType<TableKeeper['commit']> {
    if (state === 'unknown') look()
    for (let attempt = 0; attempt < attempts; attempt++) {
      const transaction = typeof state === 'object' ? book.repair(state.kernel) : book.changes()
      const elements = elementsIn(transaction)
      const disturbed = elements > many ? stopWatch() : undefined
      if (disturbed) return foreign(disturbed)
      try {
        const applied = nftables.apply(transaction, generation)
        generation = applied.generation ?? generation
        book.commit()
        state = 'known'
        if (!watch) startWatch()
        return { ...applied, elements }
      } catch (error) {
        if (!isChanged(error)) {
          // A transaction may have been cut in two, and the first part be in force.
          state = 'unknown'
          throw error
        }
        // Before the first commit nobody has told what was changed.
        if (!watch) {
          look()
          continue
        }
        generation = nftables.generation().id
        const who = watch.drain()
        if (who) return foreign(who)
      }
    }
    throw new Error(`nf_tables was changed ${attempts} times by others while this change was made`)
  }

  function foreign(who: Who): { readonly foreign: Who } {
    state = 'unknown'
    return { foreign: who }
  }

  function startWatch(): void {
    watch = watchTable({
      ns,
      table,
      own: [nftables.port],
      onChange(who) {
        state = 'unknown'
        onForeignChange(who)
      },
    })
    // Whoever came between the commit and the watch was not heard.
    try {
      if (nftables.generation().id !== generation) {
        state = 'unknown'
        onForeignChange({})
      }
    } catch (error) {
      log.error({ err: messageOf(error) }, 'cannot read the generation of nf_tables')
    }
  }

  /** undefined unless somebody was before. */
  function stopWatch(): Who | undefined {
    const who = watch?.drain()
    if (who) return who
    watch?.close()
    watch = undefined
    return undefined
  }

  function close(): void {
    watch?.close()
    nftables.close()
  }
}

function elementsIn({ ops }: Transaction): number {
  let count = 0
  for (const op of ops) if ('elements' in op) count += op.elements.length
  return count
}
