import { SIG_IGN } from './syscalls.ts'

/** A signal set as the kernel takes it: 8 bytes, bit n-1 for signal n. */
export function signals(...numbers: number[]): Uint8Array {
  const set = new BigUint64Array(1)
  for (const number of numbers) set[0] = (set[0] ?? 0n) | (1n << BigInt(number - 1))
  return new Uint8Array(set.buffer)
}

/** For rt_sigaction(2): the signal is ignored. */
export function ignored(): Uint8Array {
  return action(SIG_IGN, 0)
}

/** For rt_sigaction(2): what the kernel does by itself, with `flags`. */
export function defaultAction(flags: number): Uint8Array {
  return action(0, flags)
}

/** struct kernel_sigaction: u64 handler, flags, restorer, mask. */
function action(handler: number, flags: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(handler), BigInt(flags), 0n, 0n).buffer)
}
