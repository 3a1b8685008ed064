import { errnoOf } from '../libc.ts'
import { NetlinkError } from '../netlink/error.ts'
import { splitHeader } from '../netlink/reader.ts'
import { NETLINK_NETFILTER, NetlinkSocket } from '../netlink/socket.ts'
import type { Netns } from '../netns.ts'
import { malformed } from './attributes.ts'
import { type Connection, readConnection, writeConnectionKey } from './connection.ts'
import { type ConnectionFilter, dumpsFor, matcher, writeDump } from './filter.ts'
import { conntrackType, headerSize, IPCTNL_MSG_CT, writeHeader } from './message.ts'

const ENOENT = errnoOf('ENOENT')
const EINVAL = errnoOf('EINVAL')
const EOPNOTSUPP = errnoOf('EOPNOTSUPP')
const CTA_STATS_GLOBAL_ENTRIES = 1

/** The connection table of one network namespace. Everything on it is synchronous. */
export interface Conntrack extends Disposable {
  /**
   * In no order. What begins or ends meanwhile may be missing, or be there twice: the kernel dumps a living table. `detailed`: with their details.
   */
  list(filter?: ConnectionFilter, detailed?: boolean): Connection[]
  /**
   * All of them with their details, some thousand in each turn of the event loop. Nothing else may be asked over this socket meanwhile.
   */
  listSlowly(): AsyncGenerator<Connection[], void>
  /** How many there are, of all families and protocols. Takes 0.01 ms at any number. */
  count(): number
  /** Whether it was still there. Its next packet begins a new one. */
  delete(connection: Connection): boolean
  /** Idempotent. */
  close(): void
}

export function openConntrack(ns?: Netns): Conntrack {
  const socket = new NetlinkSocket({ protocol: NETLINK_NETFILTER, ns })
  return {
    list: (filter = {}, detailed = false) => list(socket, filter, detailed),
    listSlowly: () => listSlowly(socket),
    count: () => count(socket),
    delete: (connection) => deleteOne(socket, connection),
    close: () => socket.close(),
    [Symbol.dispose]: () => socket.close(),
  }
}

function list(socket: NetlinkSocket, filter: ConnectionFilter, detailed: boolean): Connection[] {
  const matches = matcher(filter)
  const type = conntrackType(IPCTNL_MSG_CT.GET)
  const dump = (asked: ConnectionFilter): Connection[] =>
    socket.dump(
      'list connections',
      type,
      (writer) => writeDump(writer, asked),
      (message) => readConnection(message, matches, detailed),
    )
  try {
    const [first, ...others] = dumpsFor(filter)
    // Mostly one: nothing is copied then.
    return others.reduce((found, other) => found.concat(dump(other)), dump(first))
  } catch (error) {
    if (!isRefused(error)) throw error
    // A kernel that does not know the filter gives all, and it is done here.
    return telling(() => dump({}))
  }
}

async function* listSlowly(socket: NetlinkSocket): AsyncGenerator<Connection[], void> {
  const type = conntrackType(IPCTNL_MSG_CT.GET)
  for await (const messages of socket.dumpSlowly('list connections', type, (writer) => writeHeader(writer)))
    yield messages.flatMap((message) => readConnection(message, undefined, true) ?? [])
}

function count(socket: NetlinkSocket): number {
  const type = conntrackType(IPCTNL_MSG_CT.GET_STATS)
  const [message] = telling(() => socket.request('count connections', type, 0, (writer) => writeHeader(writer)))
  const entries = message && splitHeader(message.body, headerSize).attributes.be32(CTA_STATS_GLOBAL_ENTRIES)
  if (entries === undefined) throw malformed('a table without a number of entries')
  return entries
}

function deleteOne(socket: NetlinkSocket, connection: Connection): boolean {
  const { source, destination } = connection.original
  const op = `delete connection ${source} -> ${destination}`
  try {
    socket.request(op, conntrackType(IPCTNL_MSG_CT.DELETE), 0, (writer) => writeConnectionKey(writer, connection))
    return true
  } catch (error) {
    if (error instanceof NetlinkError && error.errno === ENOENT) return false
    throw error
  }
}

function isRefused(error: unknown): error is NetlinkError {
  return error instanceof NetlinkError && (error.errno === EINVAL || error.errno === EOPNOTSUPP)
}

/** To a request that asks for nothing special, EINVAL is nfnetlink's way to say that nobody is there to answer. */
function telling<T>(ask: () => T): T {
  try {
    return ask()
  } catch (error) {
    if (!isRefused(error)) throw error
    const say = 'the kernel has no ctnetlink: modprobe nf_conntrack_netlink (CONFIG_NF_CT_NETLINK)'
    throw new NetlinkError(error.op, error.errno, say)
  }
}
