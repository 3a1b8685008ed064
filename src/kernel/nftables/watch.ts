import type { Instruction } from '../bpf.ts'
import { JEQ, LD_W, RET } from '../bpf-code.ts'
import type { Message } from '../netlink/reader.ts'
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns.ts'
import { whenReadable } from '../reactor.ts'
import { type Generation, readGeneration } from './generation.ts'
import { NFT_MSG, nftMessageOf, readHeader } from './message.ts'
import type { Table } from './table.ts'

const NFNLGRP_NFTABLES = 7
/** In every message about a table or what is in it the first attribute names the table (NFTA_*_TABLE, NFTA_TABLE_NAME). */
const tableName = 1

/** Who changed a table, as far as the kernel says. */
export type Who = Pick<Generation, 'pid' | 'process'>

export interface TableWatch {
  /**
   * Reads what has arrived by now; who else changed the table since the last call or callback, if anybody. Whatever was done up to a
   * {@link Nftables.generation} that was read before has arrived.
   */
  drain(): Who | undefined
  close(): void
}

/**
 * Tells when somebody else changes a table: its chains, rules, sets, elements, or all of it. What packets change in it and what times out
 * is not told. `own`: ports of the sockets ({@link NetlinkSocket.port}) whose changes are none of somebody else's; the kernel does not
 * even copy them to us. Also called when the kernel had to drop news: the table may have been changed.
 */
export function watchTable(options: {
  readonly ns: Netns | undefined
  readonly table: Table
  readonly own: readonly number[]
  readonly onChange: (who: Who) => void
}): TableWatch {
  const { ns, table, own, onChange } = options
  const socket = new NetlinkSocket({
    protocol: NETLINK_NETFILTER,
    ns,
    groups: [NFNLGRP_NFTABLES],
    filter: notFrom(own),
  })
  /** By a transaction of which the end has not been read. */
  let touched = false
  const stop = whenReadable(socket.fd, () => {
    const who = read()
    if (who) onChange(who)
  })
  return {
    drain() {
      const who = read() ?? (touched ? {} : undefined)
      touched = false
      return who
    },
    close() {
      stop()
      socket.close()
    },
  }

  /** The last of them whose transaction has arrived to its end. */
  function read(): Who | undefined {
    const { messages, lost } = socket.receive()
    let who: Who | undefined
    for (const message of messages) {
      const type = nftMessageOf(message)
      if (type === NFT_MSG.NEWGEN) {
        // The last message of a transaction, and the only one that has its author.
        if (touched) who = author(message)
        touched = false
      } else if (type !== undefined && !touched) touched = isAbout(message, table)
    }
    if (!lost) return who
    touched = false
    return who ?? {}
  }
}

function author(message: Message): Who {
  const { pid, process } = readGeneration(readHeader(message).attributes)
  return { ...(pid === undefined ? {} : { pid }), ...(process === undefined ? {} : { process }) }
}

function isAbout(message: Message, { family, name }: Table): boolean {
  const { family: of, attributes } = readHeader(message)
  return of === family && attributes.string(tableName) === name
}

/** Drops what these sockets caused, by struct nlmsghdr.nlmsg_pid of a datagram's first message: a datagram is of one transaction. */
function notFrom(ports: readonly number[]): Instruction[] {
  // A load turns four bytes around as if they came in network order; the kernel wrote them in its own.
  const turned = (value: number): number => {
    const view = new DataView(new ArrayBuffer(4))
    view.setUint32(0, value, true)
    return view.getUint32(0)
  }
  return [
    { code: LD_W, jt: 0, jf: 0, k: 12 },
    ...ports.map((port, at) => ({ code: JEQ, jt: ports.length - at, jf: 0, k: turned(port) })),
    { code: RET, jt: 0, jf: 0, k: 0xffffffff },
    { code: RET, jt: 0, jf: 0, k: 0 },
  ]
}
