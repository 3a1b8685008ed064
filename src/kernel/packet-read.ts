import koffi from 'koffi'
import { EAGAIN, EINTR, errnoOf, KernelError } from './libc.ts'
import { type Mac, macFromBytes } from './rtnetlink/mac.ts'
import { MSG_DONTWAIT, MSG_TRUNC, recvmmsg, SO_TIMESTAMPNS } from './socket-calls.ts'

const ENETDOWN = errnoOf('ENETDOWN')

/** The most that is kept of a packet: what the kernel joins for one trip over a cable (GSO) is as long as IP allows, and an Ethernet header more. */
export const maxSnap = 65_536
/** What is enough for headers, and for most packets. */
export const usualSnap = 2048

/** sll_pkttype: for this machine, for all, for a group, for another machine (seen on a bridge port), or leaving. */
export type PacketKind = 'host' | 'broadcast' | 'multicast' | 'otherhost' | 'outgoing'
const kinds: readonly PacketKind[] = ['host', 'broadcast', 'multicast', 'otherhost', 'outgoing']

export interface Packet {
  /** Index of the device. */
  readonly device: number
  /** Nanoseconds since 1970, by the kernel's clock. */
  readonly at: bigint
  readonly kind: PacketKind
  /** Ethernet protocol: 0x0800 IPv4, 0x0806 ARP, 0x86dd IPv6. */
  readonly protocol: number
  /** The sender on the link; undefined on devices without Ethernet addresses. */
  readonly source: Mac | undefined
  readonly bytes: Uint8Array
  /** The packet's own length; more than `bytes` when it was cut. */
  readonly length: number
}

// recvmmsg takes pointers to headers, which point to buffers. One block of memory outside JavaScript's heap, which never moves,
// holds them all; every socket reads into it, and what is kept is copied out.
const sizes = { usual: { slots: 64, data: usualSnap }, large: { slots: 16, data: maxSnap } } as const
const headerSize = 64 // struct mmsghdr: msghdr of 56 bytes, msg_len
const vectorSize = 16 // struct iovec
const nameSize = 32 // struct sockaddr_ll, 20
const controlSize = 64 // one struct cmsghdr with a struct timespec, 32
/** Where everything is in one block. */
interface Arena {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly slots: number
  readonly data: number
  readonly vectors: number
  readonly names: number
  readonly controls: number
  readonly buffers: number
}
const arenas: Partial<Record<keyof typeof sizes, Arena>> = {}

function arenaFor(snap: number): Arena {
  const size = snap <= usualSnap ? 'usual' : 'large'
  return (arenas[size] ??= makeArena(sizes[size]))
}

function makeArena({ slots, data }: { slots: number; data: number }): Arena {
  const vectors = slots * headerSize
  const names = vectors + slots * vectorSize
  const controls = names + slots * nameSize
  const buffers = controls + slots * controlSize
  const length = buffers + slots * data
  const pointer = koffi.alloc('uint8_t', length)
  const base = koffi.address(pointer)
  const memory = koffi.view(pointer, length)
  const view = new DataView(memory)
  for (let i = 0; i < slots; i++) {
    const header = i * headerSize
    const vector = vectors + i * vectorSize
    view.setBigUint64(header, base + BigInt(names + i * nameSize), true)
    view.setBigUint64(header + 16, base + BigInt(vector), true)
    view.setBigUint64(header + 24, 1n, true)
    view.setBigUint64(header + 32, base + BigInt(controls + i * controlSize), true)
    view.setBigUint64(vector, base + BigInt(buffers + i * data), true)
  }
  return { bytes: new Uint8Array(memory), view, slots, data, vectors, names, controls, buffers }
}

/** Everything that waits in the socket, many packets with one system call. */
export function readPackets(fd: number, snap: number): Packet[] {
  const arena = arenaFor(snap)
  const { bytes, view, slots, vectors } = arena
  const packets: Packet[] = []
  for (;;) {
    for (let i = 0; i < slots; i++) {
      // The kernel overwrites these with what it used.
      view.setUint32(i * headerSize + 8, nameSize, true)
      view.setBigUint64(i * headerSize + 40, BigInt(controlSize), true)
      view.setBigUint64(vectors + i * vectorSize + 8, BigInt(snap), true)
    }
    const count = recvmmsg(fd, bytes, slots, MSG_DONTWAIT | MSG_TRUNC, null)
    if (count === -EINTR) continue
    // A device that goes down says so once, and may come up again; a socket of a deleted one stays silent.
    if (count === -ENETDOWN) continue
    if (count === -EAGAIN) return packets
    if (count < 0) throw new KernelError('read packets', -count)
    for (let i = 0; i < count; i++) packets.push(packetAt(arena, i, snap))
    if (count < slots) return packets
  }
}

function packetAt({ bytes, view, names, buffers, controls, data: size }: Arena, i: number, snap: number): Packet {
  const name = names + i * nameSize
  const length = view.getUint32(i * headerSize + 56, true)
  const data = buffers + i * size
  const hardware = name + 12
  return {
    device: view.getInt32(name + 4, true),
    at: timeAt(view, i, controls + i * controlSize),
    kind: kinds[view.getUint8(name + 10)] ?? 'host',
    protocol: view.getUint16(name + 2),
    source: view.getUint8(name + 11) === 6 ? macFromBytes(bytes.subarray(hardware, hardware + 6)) : undefined,
    bytes: bytes.slice(data, data + Math.min(length, snap)),
    length,
  }
}

/** SCM_TIMESTAMPNS is the only control message asked for: struct cmsghdr (16 bytes), then struct timespec. */
function timeAt(view: DataView, i: number, control: number): bigint {
  const used = view.getBigUint64(i * headerSize + 40, true)
  if (used < 32n || view.getInt32(control + 12, true) !== SO_TIMESTAMPNS) return BigInt(Date.now()) * 1_000_000n
  return view.getBigInt64(control + 16, true) * 1_000_000_000n + view.getBigInt64(control + 24, true)
}
