import { KubehopError } from '../base/errors.ts'
import type { Link } from '../kernel/rtnetlink/link.ts'
import { deleteLink, setLink } from '../kernel/rtnetlink/link.ts'
import { addLink } from '../kernel/rtnetlink/linkdata.ts'
import { addIngress, setTokenBucket, type TokenBucket } from '../kernel/rtnetlink/qdisc.ts'
import { redirectIngress } from '../kernel/rtnetlink/redirect.ts'
import type { RouteSocket } from '../kernel/rtnetlink/socket.ts'
import { deleteCable, deleteCut } from './reaper.ts'

// What comes to a pod waits in a queue at the node's end of its cable. What the pod sends cannot wait there, because a link has no queue
// for what comes in by it: all of it makes a detour over a device of its own (ifb), and waits at its end. Nothing of this is inside the
// pod, where who may configure the network could take it away.

/** How fast a pod may receive (`ingress`) and send (`egress`). No rate: no limit. */
export interface Bandwidth {
  readonly ingress?: Rate
  readonly egress?: Rate
}

export interface Rate {
  /** Bits each second, 8 at least. */
  readonly rate: number
  /** Bits at once, after a pause. Default: a tenth of a second's. One packet always gets through. */
  readonly burst?: number
}

/** Whose cable it is. */
export interface Shaped {
  /** The node's end. */
  readonly hostDevice: string
  /** Up to 12 characters, without spaces. */
  readonly network: string
}

/** Limits a cable that lies; leaves it unlimited when it throws. The device of the detour, when there is one. */
export function limitBandwidth(socket: RouteSocket, pod: Shaped, { ingress, egress }: Bandwidth): Link | undefined {
  if (ingress === undefined && egress === undefined) return undefined
  const end = linkOf(socket, pod.hostDevice)
  const detour = detourOf(pod.hostDevice)
  try {
    if (ingress !== undefined) socket.apply(setTokenBucket(end.index, bucketOf(ingress, end.mtu)))
    if (egress === undefined) return undefined
    if (socket.link(detour) !== undefined) {
      // Of the same cable, which was cut a moment ago.
      deleteCut(socket)
      socket.ensure(deleteLink(detour))
    }
    // Both in one call of the kernel: there is no moment at which it is nobody's.
    socket.apply(addLink({ kind: 'ifb', name: detour, mtu: end.mtu }), setLink(detour, { alias: noteOf(pod) }))
    const { index } = linkOf(socket, detour)
    // It says nothing of its own, where the kernel knows IPv6.
    socket.ensure({ ...setLink(index, { ipv6LinkLocal: false }), already: 'EAFNOSUPPORT' })
    socket.apply(setTokenBucket(index, bucketOf(egress, end.mtu)), setLink(index, { up: true }))
    socket.apply(addIngress(end.index), redirectIngress(end.index, index))
    return linkOf(socket, detour)
  } catch (error) {
    unlimitBandwidth(socket, pod.hostDevice)
    throw explained(error)
  }
}

/** Takes the detour away; what is at the cable's end goes with the cable. Fine when there is none. */
export function unlimitBandwidth(socket: RouteSocket, hostDevice: string): void {
  deleteCable(socket, detourOf(hostDevice))
}

/** The cables of a network that have a detour, with its index. */
export function detours(links: readonly Link[], network: string): { hostDevice: string; index: number }[] {
  return links.flatMap(({ kind, name, alias, index }) => {
    const [, mark, hostDevice = ''] = (alias ?? '').split(' ')
    return kind === 'ifb' && mark === network && detourOf(hostDevice) === name ? [{ hostDevice, index }] : []
  })
}

/** What is not as `limitBandwidth` made it, in words; undefined: nothing. */
export function missingLimit(socket: RouteSocket, pod: Shaped, { ingress, egress }: Bandwidth): string | undefined {
  const end = socket.link(pod.hostDevice)
  if (end === undefined) return `there is no ${pod.hostDevice}, the node's end of the cable`
  if (ingress !== undefined && !hasBucket(socket, end.index, bucketOf(ingress, end.mtu)))
    return `${pod.hostDevice} does not limit what comes to the container to ${ingress.rate} bits a second`
  if (egress === undefined) return undefined
  const detour = socket.link(detourOf(pod.hostDevice))
  if (detour === undefined) return `there is no ${detourOf(pod.hostDevice)}, where what the container sends would wait`
  if (!detour.up) return `${detour.name} is down`
  if (!hasBucket(socket, detour.index, bucketOf(egress, end.mtu)))
    return `${detour.name} does not limit what the container sends to ${egress.rate} bits a second`
  const isThere = socket.qdiscs(end.index).some(({ place }) => place === 'ingress')
  if (!isThere || !socket.redirects(end.index).includes(detour.index))
    return `what the container sends does not go by ${detour.name}`
  return undefined
}

/** The device's name follows from the cable's, so whoever deletes it needs nothing else. */
function detourOf(hostDevice: string): string {
  return `ifb-${hostDevice.replace(/^veth/, '')}`
}

function noteOf({ network, hostDevice }: Shaped): string {
  return `bandwidth ${network} ${hostDevice}`
}

/** How long a packet may wait, in seconds: as the reference plugin has it. */
const latency = 0.025
const ethernetHeader = 14
const maxU32 = 0xffffffff

/** In bytes, as the kernel has it. */
function bucketOf({ rate, burst = rate / 10 }: Rate, mtu: number): TokenBucket & { burst: number } {
  const bytes = Math.max(1, Math.floor(rate / 8))
  const atOnce = Math.min(maxU32, Math.max(mtu + ethernetHeader, Math.floor(burst / 8)))
  return { rate: BigInt(bytes), burst: atOnce, limit: Math.min(maxU32, Math.floor(bytes * latency) + atOnce) }
}

function hasBucket(socket: RouteSocket, index: number, { rate, limit }: TokenBucket): boolean {
  return socket.qdiscs(index).some((one) => one.place === 'root' && one.tbf?.rate === rate && one.tbf.limit === limit)
}

function linkOf(socket: RouteSocket, name: string): Link {
  const link = socket.link(name)
  if (link !== undefined) return link
  throw new KubehopError('cni', `limit the bandwidth of ${name}`, 'Gone', 'it disappeared')
}

/** The kernel's parts are modules that it loads itself, where they are. */
function explained(error: unknown): unknown {
  if (!(error instanceof KubehopError) || !['ENOENT', 'EOPNOTSUPP'].includes(error.code)) return error
  return new KubehopError(
    'cni',
    'limit the bandwidth',
    'NoTrafficControl',
    `the kernel lacks a part of traffic control (CONFIG_NET_SCH_TBF, CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_U32, CONFIG_NET_ACT_MIRRED, CONFIG_IFB): ${error.message}`,
    { cause: error },
  )
}
