import { closeSync } from 'node:fs'
import { attachFilter } from './attach-filter.ts'
import { compileFilter, type Instruction, type PacketFilter } from './bpf.ts'
import { closeElsewhere } from './descriptor.ts'
import { declareRaw, errnoOf, KernelError } from './libc.ts'
import { inNetns, type Netns } from './netns.ts'
import { maxSnap, type Packet, readPackets, usualSnap } from './packet-read.ts'
import { whenReadable } from './reactor.ts'
import {
  bind,
  checked,
  getsockopt,
  int,
  setBuffer,
  setOption,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SO_TIMESTAMPNS,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  socket,
  SOL_SOCKET,
} from './socket-calls.ts'

// linux/if_packet.h, packet(7)
const AF_PACKET = 17
const ETH_P_ALL = 3
const SOL_PACKET = 263
const PACKET_STATISTICS = 6
const PACKET_IGNORE_OUTGOING = 23
const EPERM = errnoOf('EPERM')

const nameToIndex = declareRaw<[string]>('unsigned int if_nametoindex(const char *)')

export type { Packet } from './packet-read.ts'

export interface PacketOptions {
  ns?: Netns
  /** Name or index; every device of the namespace when left out. */
  device?: string | number
  /** true: bytes begin with the network header; false: with the Ethernet header. Default true. */
  cooked?: boolean
  /** In words, or as a program of one's own (classic BPF; offsets count from the first byte that the socket sees). */
  filter?: PacketFilter | readonly Instruction[]
  /** Also what leaves by the device. Default true. */
  outgoing?: boolean
  /** Bytes kept of each packet. Default 2048: enough for headers; at most 65,536. `Packet.length` is the whole. */
  snap?: number
  /** Bytes of socket buffer asked for. Default 4 MiB. */
  buffer?: number
}

export interface PacketSocket extends Disposable {
  readonly fd: number
  /** What has arrived since the last call, in order; never waits. */
  read(): Packet[]
  /** Calls back with what arrives, until the returned function is called. */
  follow(onPackets: (packets: Packet[]) => void): () => void
  /** Lets through something else from now on; what waits in the socket already stays. */
  filter(program: readonly Instruction[]): void
  /** Packets that passed the filter but found the buffer full, since the socket was opened. */
  drops(): number
  /** Idempotent. */
  close(): void
  /** The same without making this thread wait; see {@link closeElsewhere}. */
  closeElsewhere(): Promise<void>
}

/** Sees the packets of one device, or of a whole network namespace, from the moment it returns. */
export function openPacketSocket(options: PacketOptions = {}): PacketSocket {
  const fd = inNetns(options.ns, () => open(options))
  const snap = Math.min(options.snap ?? usualSnap, maxSnap)
  let closed = false
  let dropped = 0
  let stop: (() => void) | undefined
  const read = (): Packet[] => {
    if (closed) throw new TypeError('kernel: this packet socket was closed')
    return readPackets(fd, snap)
  }
  const end = (): boolean => {
    if (closed) return false
    closed = true
    stop?.()
    return true
  }
  const close = (): void => {
    if (end()) closeSync(fd)
  }
  return {
    fd,
    read,
    follow(onPackets) {
      const end = whenReadable(fd, () => {
        const packets = read()
        if (packets.length > 0) onPackets(packets)
      })
      stop = end
      return end
    },
    filter(program) {
      if (!closed) attachFilter('filter packets', fd, program)
    },
    drops() {
      dropped += statistics(fd).dropped
      return dropped
    },
    close,
    async closeElsewhere() {
      if (end()) await closeElsewhere(fd)
    },
    [Symbol.dispose]: close,
  }
}

/** Counts the packets of a network namespace that pass a filter. */
export interface PacketCounter extends Disposable {
  /** Since it was opened. */
  count(): number
  /** Idempotent. */
  close(): void
  /** The same without making this thread wait; see {@link closeElsewhere}. */
  closeElsewhere(): Promise<void>
}

/**
 * Counts without looking: the kernel counts a packet that finds no room in the socket's buffer before it makes a copy, and this buffer has room for a few
 * small ones only. So a packet costs no more than its filter.
 */
export function openPacketCounter(ns: Netns | undefined, filter: readonly Instruction[]): PacketCounter {
  const fd = inNetns(ns, () => open({ filter, cooked: false, buffer: 0 }))
  let total = 0
  let closed = false
  const end = (): boolean => {
    const isFirst = !closed
    closed = true
    return isFirst
  }
  const close = (): void => {
    if (end()) closeSync(fd)
  }
  return {
    count() {
      if (!closed) total += statistics(fd).packets
      return total
    },
    close,
    async closeElsewhere() {
      if (end()) await closeElsewhere(fd)
    },
    [Symbol.dispose]: close,
  }
}

/** struct tpacket_stats: what passed the filter, and what of it found the buffer full. Reading resets both. */
function statistics(fd: number): { packets: number; dropped: number } {
  const stats = new Uint8Array(8)
  checked('read packet statistics', getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, stats, int(stats.length)))
  return { packets: viewOf(stats).getUint32(0, true), dropped: viewOf(stats).getUint32(4, true) }
}

/** A socket of protocol 0 sees nothing; so the filter is in place before bind names the protocol. */
function open(options: PacketOptions): number {
  const { device, cooked = true, outgoing = true } = options
  const op = `watch packets${device === undefined ? '' : ` on ${device}`}`
  const index = indexOf(op, device)
  const fd = socket(AF_PACKET, (cooked ? SOCK_DGRAM : SOCK_RAW) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
  if (fd === -EPERM) throw new KernelError(op, EPERM, 'CAP_NET_RAW is missing in this network namespace: run as root')
  if (fd === -errnoOf('EAFNOSUPPORT'))
    throw new KernelError(op, -fd, 'the kernel has no packet sockets: modprobe af_packet (CONFIG_PACKET)')
  checked(op, fd)
  try {
    setBuffer(op, fd, SO_RCVBUFFORCE, SO_RCVBUF, options.buffer ?? 4 * 1024 * 1024)
    setOption(op, fd, SOL_SOCKET, SO_TIMESTAMPNS, 1)
    if (!outgoing) setOption(op, fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    const { filter } = options
    if (filter !== undefined) attachFilter(op, fd, isProgram(filter) ? filter : compileFilter(filter))
    const address = new Uint8Array(20)
    const view = viewOf(address)
    view.setUint16(0, AF_PACKET, true)
    view.setUint16(2, ETH_P_ALL)
    view.setInt32(4, index, true)
    checked(op, bind(fd, address, address.length))
    return fd
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

function indexOf(op: string, device: string | number | undefined): number {
  if (typeof device !== 'string') return device ?? 0
  const index = nameToIndex(device)
  if (index <= 0) throw new KernelError(op, errnoOf('ENODEV'), 'there is no such device in this network namespace')
  return index
}

function isProgram(filter: PacketFilter | readonly Instruction[]): filter is readonly Instruction[] {
  return Array.isArray(filter)
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
