import type { Instruction } from '../../kernel/bpf.ts'

/** What a filter says of a frame: how many bytes are kept (linux/filter.h). A load beyond the frame drops it, as in the kernel. */
export function runFilter(program: readonly Instruction[], bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let [a, x, at] = [0, 0, 0]
  const loads: Record<number, (k: number) => number> = {
    0x20: (k) => view.getUint32(k),
    0x28: (k) => view.getUint16(k),
    0x30: (k) => view.getUint8(k),
    0x40: (k) => view.getUint32(x + k),
    0x48: (k) => view.getUint16(x + k),
    0x50: (k) => view.getUint8(x + k),
    0x54: (k) => (a & k) >>> 0,
    0x14: (k) => (a - k) >>> 0,
  }
  const jumps: Record<number, (k: number) => boolean> = {
    0x15: (k) => a === k,
    0x35: (k) => a >= k,
    0x25: (k) => a > k,
    0x45: (k) => (a & k) !== 0,
  }
  try {
    for (;;) {
      const instruction = program[at++]
      if (!instruction) throw new TypeError('the program has no end')
      const { code, jt, jf, k } = instruction
      if (code === 0x06) return k
      if (code === 0xb1) x = 4 * (view.getUint8(k) & 15)
      else if (loads[code]) a = loads[code](k)
      else if (jumps[code]) at += jumps[code](k) ? jt : jf
      else throw new TypeError(`instruction ${code}`)
    }
  } catch (error) {
    if (error instanceof RangeError) return 0
    throw error
  }
}
