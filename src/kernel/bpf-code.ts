// The instructions of classic BPF (linux/bpf_common.h), as far as filters here use them. A is the accumulator, X the index, k the instruction's constant.

/** A = 32, 16 or 8 bits at k. */
export const LD_W = 0x20
export const LD_H = 0x28
export const LD_B = 0x30
/** A = 32, 16 or 8 bits at X + k. */
export const LD_W_X = 0x40
export const LD_H_X = 0x48
export const LD_B_X = 0x50
/** X = 4 * (the low four bits at k): the length of the IPv4 header that begins there. */
export const LDX_IP = 0xb1
export const SUB = 0x14
export const AND = 0x54
/** Skips k instructions. */
export const JA = 0x05
/** Skip one number of instructions where A is k, is greater, is not less, has one of its bits; another where not. */
export const JEQ = 0x15
export const JGT = 0x25
export const JGE = 0x35
export const JSET = 0x45
/** Keeps k bytes of the packet; none drops it. */
export const RET = 0x06
