import koffi from 'koffi'
import { encodeProgram, type Instruction } from './bpf.ts'
import { declareRaw, KernelError } from './libc.ts'

const SOL_SOCKET = 1
const SO_ATTACH_FILTER = 26

const setsockopt = declareRaw<[number, number, number, Uint8Array, number]>(
  'int setsockopt(int, int, int, void *, unsigned int)',
)

/** Gives a socket a packet filter: what it does not let through never reaches the socket. Replaces the filter that it had. */
export function attachFilter(op: string, fd: number, program: Uint8Array | readonly Instruction[]): void {
  const code = program instanceof Uint8Array ? program : encodeProgram(program)
  // struct sock_fprog holds a pointer, so program and header go into memory that does not move.
  const pointer = koffi.alloc('uint8_t', 16 + code.length)
  try {
    const memory = new Uint8Array(koffi.view(pointer, 16 + code.length))
    memory.set(code, 16)
    const view = new DataView(memory.buffer, memory.byteOffset, memory.byteLength)
    view.setUint16(0, code.length / 8, true)
    view.setBigUint64(8, koffi.address(pointer) + 16n, true)
    const result = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, memory.subarray(0, 16), 16)
    if (result < 0) throw new KernelError(op, -result)
  } finally {
    koffi.free(pointer)
  }
}
