import koffi from 'koffi'
import { encodeProgram, type Instruction } from './bpf.ts'
import { setOption, SOL_SOCKET } from './socket-calls.ts'

const SO_ATTACH_FILTER = 26

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
    setOption(op, fd, SOL_SOCKET, SO_ATTACH_FILTER, memory.subarray(0, 16))
  } finally {
    koffi.free(pointer)
  }
}
