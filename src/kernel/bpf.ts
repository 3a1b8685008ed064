import { type Address, addressBytes, family } from '../base/address.ts'
import { JA, JEQ, JSET, LD_B, LD_H, LD_H_X, LD_W, LDX_IP, RET } from './bpf-code.ts'

// Classic BPF (linux/filter.h, the same machine that tcpdump compiles for). Loads are relative to the network header, so one
// filter fits sockets that see the Ethernet header and sockets that do not.

/** What a packet socket lets through. Everything given must match; a filter with nothing in it takes all IP packets. */
export interface PacketFilter {
  /** One of these is the packet's source or destination. */
  hosts?: readonly Address[]
  /** IP protocol numbers: 6 TCP, 17 UDP, ... ICMP always passes: it tells what went wrong with the others. */
  protocols?: readonly number[]
  /** One of these is the TCP or UDP source or destination port. */
  ports?: readonly number[]
  /** "Who has this address?" and its answers, about `hosts` (or anyone); for IPv6 that is ICMPv6 and passes anyway. */
  arp?: boolean
}

/** One struct sock_filter: skips `jt` instructions when a comparison holds, `jf` when not. */
export interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

/** A program that somebody else compiled, as an array of struct sock_filter (u16 code, u8 jt, u8 jf, u32 k). */
export function encodeProgram(program: readonly Instruction[]): Uint8Array {
  if (program.length > maxInstructions)
    throw new RangeError(`a packet filter of ${program.length} instructions; the kernel takes ${maxInstructions}`)
  const bytes = new Uint8Array(program.length * 8)
  const view = new DataView(bytes.buffer)
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    view.setUint16(at * 8, code, true)
    view.setUint8(at * 8 + 2, jt)
    view.setUint8(at * 8 + 3, jf)
    view.setUint32(at * 8 + 4, k, true)
  }
  return bytes
}

/** The filter as an array of struct sock_filter. Throws a RangeError when it is too long for the machine's jumps. */
export function compileFilter(filter: PacketFilter): Uint8Array {
  const code = new Assembler()
  code.load(LD_H, ancillary + protocolField)
  code.jumpIf(ETH_P_IP, 'ip4')
  code.jumpIf(ETH_P_IPV6, 'ip6')
  if (filter.arp) code.jumpIf(ETH_P_ARP, 'arp')
  code.jump('drop')

  const four = filter.hosts?.filter((host) => family(host) === 4)
  const six = filter.hosts?.filter((host) => family(host) === 6)
  code.label('ip4')
  matchHosts(code, four, [12, 16], 1, 'ip4-proto')
  code.label('ip4-proto')
  code.load(LD_B, network + 9)
  code.jumpIf(IPPROTO_ICMP, 'take')
  matchNumbers(code, filter.protocols, 'ip4-port')
  code.label('ip4-port')
  if (filter.ports) {
    // Only TCP and UDP have ports here; only the first fragment of a packet carries them, and the others must be seen too.
    code.unless(IPPROTO_TCP, IPPROTO_UDP, 'drop')
    code.load(LD_H, network + 6)
    code.jumpIfSet(0x1fff, 'take')
    code.loadHeaderLength(network)
    matchPorts(code, filter.ports, (offset) => code.load(LD_H_X, network + offset))
  } else code.jump('take')

  code.label('ip6')
  matchHosts(code, six, [8, 24], 4, 'ip6-proto')
  code.label('ip6-proto')
  code.load(LD_B, network + 6)
  code.jumpIf(IPPROTO_ICMPV6, 'take')
  // Extension headers: a fragment or an option hides the protocol, and is let through rather than missed.
  for (const header of [0, 43, 44, 60]) code.jumpIf(header, 'take')
  matchNumbers(code, filter.protocols, 'ip6-port')
  code.label('ip6-port')
  if (filter.ports) {
    code.unless(IPPROTO_TCP, IPPROTO_UDP, 'drop')
    matchPorts(code, filter.ports, (offset) => code.load(LD_H, network + 40 + offset))
  } else code.jump('take')

  code.label('arp')
  matchHosts(code, four, [14, 24], 1, 'take')
  code.label('take')
  code.answer(0xffffffff)
  code.label('drop')
  code.answer(0)
  return code.bytes()
}

/** Goes on to `then` when any host is at any of the offsets; drops otherwise. undefined matches every packet. */
function matchHosts(
  code: Assembler,
  hosts: Address[] | undefined,
  offsets: number[],
  words: number,
  then: string,
): void {
  if (hosts === undefined) return code.jump(then)
  for (const [at, offset] of offsets.entries()) {
    if (words === 1) {
      if (hosts.length > 0) code.load(LD_W, network + offset)
      for (const host of hosts) code.jumpIf(wordOf(host, 0), then)
      continue
    }
    for (const [index, host] of hosts.entries()) {
      const next = `${then} ${at} ${index}`
      for (let i = 0; i < words; i++) {
        code.load(LD_W, network + offset + 4 * i)
        code.unless(wordOf(host, i), next)
      }
      code.jump(then)
      code.label(next)
    }
  }
  code.jump('drop')
}

/** Looks at what was loaded last. */
function matchNumbers(code: Assembler, numbers: readonly number[] | undefined, then: string): void {
  if (numbers === undefined) return
  for (const number of numbers) code.jumpIf(number, then)
  code.jump('drop')
}

function matchPorts(code: Assembler, ports: readonly number[], load: (offset: number) => void): void {
  for (const offset of [0, 2]) {
    load(offset)
    for (const port of ports) code.jumpIf(port, 'take')
  }
  code.jump('drop')
}

function wordOf(host: Address, index: number): number {
  const bytes = addressBytes(host)
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(index * 4)
}

const ETH_P_IP = 0x0800
const ETH_P_ARP = 0x0806
const ETH_P_IPV6 = 0x86dd
const IPPROTO_ICMP = 1
const IPPROTO_TCP = 6
const IPPROTO_UDP = 17
const IPPROTO_ICMPV6 = 58
const network = -0x100000 // SKF_NET_OFF
const ancillary = -0x1000 // SKF_AD_OFF
const protocolField = 0 // SKF_AD_PROTOCOL

interface Line {
  code: number
  k: number
  /** Labels; undefined is the next instruction. */
  yes?: string
  no?: string
}

/** Instructions with named jump targets. */
class Assembler {
  readonly #code: Line[] = []
  readonly #labels = new Map<string, number>()

  label(name: string): void {
    this.#labels.set(name, this.#code.length)
  }
  /** `code`: one of those that begin with LD. */
  load(code: number, offset: number): void {
    this.#code.push({ code, k: offset })
  }
  loadHeaderLength(offset: number): void {
    this.#code.push({ code: LDX_IP, k: offset })
  }
  jump(to: string): void {
    this.#code.push({ code: JA, k: 0, yes: to })
  }
  jumpIf(value: number, to: string): void {
    // A conditional jump reaches 255 instructions; through an unconditional one it reaches everything.
    const skip = `skip ${this.#code.length}`
    this.#code.push({ code: JEQ, k: value, no: skip })
    this.jump(to)
    this.label(skip)
  }
  jumpIfSet(mask: number, to: string): void {
    const skip = `skip ${this.#code.length}`
    this.#code.push({ code: JSET, k: mask, no: skip })
    this.jump(to)
    this.label(skip)
  }
  /** Jumps when A is none of the values. */
  unless(...values: [...number[], string]): void {
    const to = values.pop() as string
    const matched = `matched ${this.#code.length}`
    for (const value of values) this.#code.push({ code: JEQ, k: value as number, yes: matched })
    this.jump(to)
    this.label(matched)
  }
  answer(length: number): void {
    this.#code.push({ code: RET, k: length })
  }

  bytes(): Uint8Array {
    return encodeProgram(
      this.#code.map(({ code, k, yes, no }, at) =>
        code === JA
          ? { code, jt: 0, jf: 0, k: this.#distance(at, yes, maxInstructions) }
          : { code, jt: this.#distance(at, yes, 255), jf: this.#distance(at, no, 255), k },
      ),
    )
  }

  #distance(at: number, label: string | undefined, limit: number): number {
    if (label === undefined) return 0
    const target = this.#labels.get(label)
    if (target === undefined) throw new RangeError(`no label ${label}`)
    const distance = target - at - 1
    if (distance < 0 || distance > limit) throw new RangeError(`a packet filter jumps ${distance} instructions`)
    return distance
  }
}

/** BPF_MAXINSNS */
const maxInstructions = 4096
