import { type Address, addressBytes } from '../../base/address.ts'
import type { Instruction } from '../../kernel/bpf.ts'

/** Bytes of a frame before its IP header. */
export const ethernet = 14

/** An instruction, whose jumps go to labels (without one: to the next line), or a label. */
export type Line<Label extends string> =
  | Label
  | [code: number, k: number, ifTrue?: Label | undefined, ifFalse?: Label | undefined]

/** Jumps only go forward, as the kernel demands, and at most 255 instructions far. */
export function assemble<Label extends string>(lines: readonly Line<Label>[]): Instruction[] {
  const at = new Map<Label, number>()
  let count = 0
  for (const line of lines) {
    if (typeof line !== 'string') count++
    else at.set(line, count)
  }
  const program: Instruction[] = []
  for (const line of lines) {
    if (typeof line === 'string') continue
    const [code, k, ifTrue, ifFalse] = line
    const from = program.length + 1
    const jump = (label: Label | undefined): number => {
      if (label === undefined) return 0
      const target = at.get(label)
      if (target === undefined || target < from || target - from > 255)
        throw new RangeError(`trace: no jump to ${label} from ${from}`)
      return target - from
    }
    program.push({ code, jt: jump(ifTrue), jf: jump(ifFalse), k })
  }
  return program
}

/** An IPv4 address as filters load and compare it. */
export function wordOf(address: Address): number {
  const bytes = addressBytes(address)
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
}
