const fileHeader = 64
const programHeader = 56
const PT_LOAD = 1
const PT_GNU_STACK = 0x6474_e551
const base = 0x40_0000

/** Where in memory the code of {@link executable} begins: addresses inside of it are final, nothing is relocated. */
export const codeBase: number = base + fileHeader + 2 * programHeader

/** An ELF64 program for x86-64 Linux: one read-only, executable segment, which begins with its first instruction, and a stack that is not executable. */
export function executable(code: Uint8Array): Uint8Array {
  const headers = codeBase - base
  const file = new Uint8Array(headers + code.length)
  const view = new DataView(file.buffer)
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]) // ELF, 64 bit, little endian, version 1
  view.setUint16(16, 2, true) // ET_EXEC
  view.setUint16(18, 62, true) // EM_X86_64
  view.setUint32(20, 1, true)
  view.setBigUint64(24, BigInt(codeBase), true) // entry point
  view.setBigUint64(32, BigInt(fileHeader), true) // program headers follow the file header
  view.setUint16(52, fileHeader, true)
  view.setUint16(54, programHeader, true)
  view.setUint16(56, 2, true)
  view.setUint32(64, PT_LOAD, true)
  view.setUint32(68, 5, true) // readable, executable
  view.setBigUint64(80, BigInt(base), true)
  view.setBigUint64(88, BigInt(base), true)
  view.setBigUint64(96, BigInt(file.length), true)
  view.setBigUint64(104, BigInt(file.length), true)
  view.setBigUint64(112, 0x1000n, true)
  view.setUint32(fileHeader + programHeader, PT_GNU_STACK, true)
  view.setUint32(fileHeader + programHeader + 4, 6, true) // readable, writable
  file.set(code, headers)
  return file
}
