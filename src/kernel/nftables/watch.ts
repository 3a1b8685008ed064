import type { Instruction } from '../bpf.ts'
import { type Message } from '../netlink/reader.ts'
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
  /** Reads what has arrived by now; whether somebody else changed the table since the last call or callback. */
  drain(): boolean
  close(): void
}

/**
 * Tells when somebody else changes a table: its chains, rules, sets, elements, or all of it. `own`: ports of the sockets
 * ({@link NetlinkSocket.port}) whose changes are none of somebody else's; the kernel does not even copy them to us. Also called when
 * the kernel had to drop news: the table may have been changed.
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
  const stop = whenReadable(socket.fd, () => {
    const who = read()
    if (who) onChange(who)
  })
  return {
    drain: () => read() !== undefined,
    close() {
      stop()
      socket.close()
    },
  }

  function read(): Who | undefined {
    const { messages, lost } = socket.receive()
    let touched = lost
    let who: Who = {}
    for (const message of messages) {
      const type = nftMessageOf(message)
      // The generation is the last message of a transaction.
      if (type === NFT_MSG.NEWGEN) who = touched ? author(message) : who
      else if (type !== undefined && isAbout(message, table)) touched = true
    }
    return touched ? who : undefined
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
    { code: 0x20, jt: 0, jf: 0, k: 12 },
    ...ports.map((port, at) => ({ code: 0x15, jt: ports.length - at, jf: 0, k: turned(port) })),
    { code: 0x06, jt: 0, jf: 0, k: 0xffffffff },
    { code: 0x06, jt: 0, jf: 0, k: 0 },
  ]
}
