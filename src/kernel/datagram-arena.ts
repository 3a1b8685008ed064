import koffi from 'koffi'
import { type Address, addressFromBytes, type Family } from '../base/address.ts'

// recvmmsg and sendmmsg take pointers to headers, which point to names (addresses), control messages and bytes. All of a socket's are one block of
// memory, laid out once. A datagram and its answer share the name and the control message: an answer goes where its question came from.

export const slots = 64
/** Bytes of a datagram that are kept, and of an answer that has room in a slot. */
export const slotData = 4096
/** Of all lengths there would be a quarter of a million. */
const mostKeptView = 256
const headerSize = 64 // struct mmsghdr: struct msghdr of 56 bytes, msg_len
const vectorSize = 16 // struct iovec
const nameSize = 32 // struct sockaddr_in6, 28
const controlSize = 64 // struct cmsghdr of 16 bytes with a struct in6_pktinfo, 20
const infoAt = 16

const outHeaders = slots * headerSize
const vectors = 2 * outHeaders
const outVectors = vectors + slots * vectorSize
const names = outVectors + slots * vectorSize
const controls = names + slots * nameSize
const questions = controls + slots * controlSize
const answers = questions + slots * slotData
const size = answers + slots * slotData

const AF_INET = 2
const AF_INET6 = 10
const IPPROTO_IP = 0
const IP_PKTINFO = 8
const IPPROTO_IPV6 = 41
const IPV6_PKTINFO = 50

/** Whom a datagram came from, and at which of our addresses. */
export interface Peer {
  readonly family: Family
  readonly port: number
  /** Its address, and ours; bytes as characters. */
  readonly host: string
  readonly local: string
  /** The device's index: link-local addresses mean nothing without. */
  readonly device: number
  address(): Address
}

/** struct sockaddr_in with in_pktinfo (index, local address, destination), sockaddr_in6 with in6_pktinfo (destination, index). */
const shapes = {
  4: { name: 16, host: 4, bytes: 4, control: 16 + 12, space: 32, local: 4, device: 0, type: IP_PKTINFO },
  6: { name: 28, host: 8, bytes: 16, control: 16 + 20, space: 40, local: 0, device: 16, type: IPV6_PKTINFO },
} as const

/** The memory of one socket. `many`: it has more than one address, and answers must leave from the one that the question was sent to. */
export class Arena {
  /** The headers for recvmmsg. */
  readonly received: Buffer
  readonly #family: Family
  readonly #shape: (typeof shapes)[Family]
  readonly #many: boolean
  readonly #bytes = Buffer.alloc(size)
  readonly #words = new Uint32Array(this.#bytes.buffer, this.#bytes.byteOffset, size >> 2)
  /** Of every slot and short length that came so far: they come again and again. */
  readonly #views: Buffer[][] = Array.from({ length: slots }, () => [])

  constructor(family: Family, many: boolean) {
    this.#family = family
    this.#shape = shapes[family]
    this.#many = many
    this.received = this.#bytes
    for (let slot = 0; slot < slots; slot++) {
      this.#lay(slot * headerSize, vectors + slot * vectorSize, slot, questions + slot * slotData)
      this.#lay(outHeaders + slot * headerSize, outVectors + slot * vectorSize, slot, answers + slot * slotData)
      this.#word(outHeaders + slot * headerSize + 8, this.#shape.name)
      this.#word(outHeaders + slot * headerSize + 40, many ? this.#shape.space : 0)
      this.#word(vectors + slot * vectorSize + 8, slotData)
    }
    this.rearm(slots)
  }

  /** Makes the first slots ready to be received into again: the kernel wrote there what it used. */
  rearm(count: number): void {
    for (let slot = 0; slot < count; slot++) {
      this.#word(slot * headerSize + 8, nameSize)
      this.#word(slot * headerSize + 40, this.#many ? controlSize : 0)
    }
  }

  /** What came in a slot; overwritten by the next datagram there. */
  question(slot: number): Buffer {
    const length = Math.min(this.#words[(slot * headerSize + 56) >> 2] ?? 0, slotData)
    const views = this.#views[slot] as Buffer[]
    const at = questions + slot * slotData
    if (length > mostKeptView) return this.#bytes.subarray(at, at + length)
    return (views[length] ??= this.#bytes.subarray(at, at + length))
  }

  /**
   * False for what no answer belongs to: port 0 cannot be sent to, and what was sent to a broadcast or multicast address of IPv4 was not sent to us. (IPv6
   * does not let an answer leave from such an address.)
   */
  isAnswerable(slot: number): boolean {
    const name = names + slot * nameSize
    if (this.#bytes[name + 2] === 0 && this.#bytes[name + 3] === 0) return false
    if (!this.#many || this.#family === 6) return true
    const info = (controls + slot * controlSize + infoAt) >> 2
    return this.#words[info + 1] === this.#words[info + 2]
  }

  peer(slot: number): Peer {
    const [name, control] = [names + slot * nameSize, this.#many ? controls + slot * controlSize : -1]
    if (this.#family === 6) return new Peer6(this.#bytes, name, control)
    const word = this.#words[name >> 2] as number
    const local = control < 0 ? -1 : (this.#words[(control + infoAt + shapes[4].local) >> 2] as number)
    return new Peer4(((word >>> 8) & 0xff00) | (word >>> 24), this.#words[(name >> 2) + 1] as number, local)
  }

  /** Lays an answer to a slot's question into the slot. */
  answer(slot: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, answers + slot * slotData)
    this.#word(outVectors + slot * vectorSize + 8, bytes.length)
    // The routes choose the device.
    if (this.#many && !this.#isLinkLocal(slot))
      this.#word(controls + slot * controlSize + infoAt + this.#shape.device, 0)
  }

  /** Points the first slot's answer to `bytes`, of any length, which must stay until they are sent. */
  letter(bytes: Uint8Array, to: Peer): void {
    this.#bytes.writeBigUInt64LE(koffi.address(bytes), outVectors)
    this.#word(outVectors + 8, bytes.length)
    this.#address(0, to)
  }

  /** The headers of the answers from a slot on, for sendmmsg. */
  answersFrom(slot: number): Buffer {
    return this.#bytes.subarray(outHeaders + slot * headerSize)
  }

  #address(slot: number, { port, host, local, device }: Peer): void {
    const [name, control] = [names + slot * nameSize, controls + slot * controlSize]
    const { name: length, bytes, space, type } = this.#shape
    const six = this.#family === 6
    this.#bytes.fill(0, name, name + length)
    this.#bytes.writeUInt16LE(six ? AF_INET6 : AF_INET, name)
    this.#bytes.writeUInt16BE(port, name + 2)
    this.#bytes.write(host, name + this.#shape.host, bytes, 'latin1')
    if (six) this.#word(name + 24, device)
    if (!this.#many) return
    this.#bytes.fill(0, control, control + space)
    this.#word(control, this.#shape.control)
    this.#word(control + 8, six ? IPPROTO_IPV6 : IPPROTO_IP)
    this.#word(control + 12, type)
    this.#bytes.write(local, control + infoAt + this.#shape.local, bytes, 'latin1')
    if (six && device > 0) this.#word(control + infoAt + this.#shape.device, device)
  }

  #isLinkLocal(slot: number): boolean {
    if (this.#family === 4) return false
    const at = names + slot * nameSize + this.#shape.host
    return this.#bytes[at] === 0xfe && ((this.#bytes[at + 1] ?? 0) & 0xc0) === 0x80
  }

  #lay(header: number, vector: number, slot: number, data: number): void {
    const base = koffi.address(this.#bytes)
    const point = (at: number, to: number): number => this.#bytes.writeBigUInt64LE(base + BigInt(to), at)
    point(header, names + slot * nameSize)
    point(header + 16, vector)
    this.#word(header + 24, 1)
    point(header + 32, controls + slot * controlSize)
    point(vector, data)
  }

  /** The low half of a field: the high one stays 0. */
  #word(at: number, value: number): void {
    this.#words[at >> 2] = value
  }
}

/** Most peers are only answered: numbers are enough for that, until somebody wants more. */
class Peer4 implements Peer {
  readonly family = 4
  readonly port: number
  readonly device = 0
  readonly #host: number
  readonly #local: number

  /** Addresses as words of memory; `local`: -1 for none. */
  constructor(port: number, host: number, local: number) {
    this.port = port
    this.#host = host
    this.#local = local
  }

  get host(): string {
    return textOf(this.#host)
  }

  get local(): string {
    return this.#local < 0 ? '' : textOf(this.#local)
  }

  address(): Address {
    return addressFromBytes(Buffer.from(this.host, 'latin1'))
  }
}

/** The bytes of a word, as they stand in memory. */
function textOf(word: number): string {
  return String.fromCharCode(word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24)
}

class Peer6 implements Peer {
  readonly family = 6
  readonly port: number
  readonly host: string
  readonly local: string
  readonly device: number

  /** `control`: -1 for none. */
  constructor(bytes: Buffer, name: number, control: number) {
    const { host, bytes: length, local } = shapes[6]
    const localAt = control + infoAt + local
    this.port = bytes.readUInt16BE(name + 2)
    this.host = bytes.toString('latin1', name + host, name + host + length)
    this.local = control < 0 ? '' : bytes.toString('latin1', localAt, localAt + length)
    this.device = bytes.readUInt32LE(name + 24)
  }

  address(): Address {
    return addressFromBytes(Buffer.from(this.host, 'latin1'))
  }
}
