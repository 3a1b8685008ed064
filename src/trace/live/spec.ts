import { type Address, family } from '../../base/address.ts'
import {
  bad,
  list,
  readAddress,
  readFlag,
  readNumber,
  readPodKey,
  readPort,
  readProtocol,
  readTraceId,
  record,
} from '../observe/spec.ts'
import type { Transport } from '../types.ts'

/** An address and a port at which what is watched can be found: as the client asks, or as that is translated. */
export interface LiveEnd {
  readonly address: Address
  /** 0 where the protocol has none (ICMP). */
  readonly port: number
}

/** What an application itself sends is to be watched on one machine: nothing is sent. */
export interface LiveSpec {
  readonly live: true
  /** Eight hexadecimal digits: tells one trace from another. */
  readonly id: string
  readonly protocol: Transport
  /** Who begins: the client's own address first; then those that it may be masqueraded as. */
  readonly from: readonly Address[]
  /** Whom the client asks. */
  readonly asked: readonly LiveEnd[]
  /** Whom that may be translated to. */
  readonly behind: readonly LiveEnd[]
  /** Ports of the servers where there are too many to be named: then any address with one of these is meant. */
  readonly wide: readonly number[]
  /** Where the client is, if it is on this machine: a pod's `namespace/name`, or `machine`. There connections are counted. */
  readonly client?: string
  readonly pods: readonly string[]
  /** Watching ends after this time even if nobody says so. */
  readonly seconds: number
  /** Connections are counted for so many seconds; until the watch ends when left out. */
  readonly counts?: number
  /** Connections a second that are followed; of more, a part is. */
  readonly rate: number
  /** Every packet between the two, as long as it is; else only what begins, takes or refuses, and its headers. */
  readonly whole?: boolean
}

/** So many can a filter name. */
export const mostEnds = 32
const mostMasks = 16
export const mostRate = 10_000
/** An hour, the longest wait for an answer (100 s), and time to set up and to end. */
const longest = 3800

/** Checks what came over the wire. */
export function readLiveSpec(value: unknown): LiveSpec {
  const spec = record(value)
  const { client } = spec
  const protocol = readProtocol(spec)
  const from = list(spec, 'from', mostMasks, readIpv4)
  if (from.length === 0) throw bad('from', 'at least one address')
  const end = (one: unknown, field: string): LiveEnd => {
    const { address, port } = record(one)
    return {
      address: readIpv4(address, `${field}.address`),
      port: protocol === 'icmp' ? 0 : readPort({ [`${field}.port`]: port }, `${field}.port`),
    }
  }
  return {
    live: true,
    id: readTraceId(spec),
    protocol,
    from,
    asked: list(spec, 'asked', mostEnds, end),
    behind: list(spec, 'behind', mostEnds, end),
    wide: list(spec, 'wide', mostEnds, (one, field) => readPort({ [field]: one }, field)),
    ...(client !== undefined && { client: client === 'machine' ? client : readPodKey(client, 'client') }),
    pods: list(spec, 'pods', 64, readPodKey),
    seconds: readNumber(spec, 'seconds', 0.1, longest),
    ...(spec['counts'] !== undefined && { counts: readNumber(spec, 'counts', 0, longest) }),
    rate: readNumber(spec, 'rate', 1, mostRate),
    ...readFlag(spec, 'whole'),
  }
}

/** Filters know nothing else. */
function readIpv4(value: unknown, field: string): Address {
  const address = readAddress(value, field)
  if (family(address) !== 4) throw bad(field, 'an IPv4 address')
  return address
}
