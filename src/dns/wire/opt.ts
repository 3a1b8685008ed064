import { types } from './message.ts'

// The OPT record (RFC 6891), as we write it: without options.

export const optLength = 11
/** What we can take over UDP, told to both sides: answers up to this arrive without fragments on any path (DNS flag day 2020). */
const ourUdpSize = 1232

/** `rcode`: its upper eight bits stand here. `dnssec`: the DO bit. */
export function writeOpt(out: Buffer, at: number, rcode: number, dnssec: boolean): void {
  out[at] = 0
  out.writeUInt16BE(types.OPT, at + 1)
  out.writeUInt16BE(ourUdpSize, at + 3)
  out[at + 5] = rcode >> 4
  out[at + 6] = 0
  out.writeUInt16BE(dnssec ? 0x8000 : 0, at + 7)
  out.writeUInt16BE(0, at + 9)
}
