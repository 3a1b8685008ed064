import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Address, addressFromBytes } from '../../../src/base/address.ts'
import { Assembler } from '../../../src/kernel/launch/assembler.ts'
import type { Tool } from './program.ts'

// Alpine's C library has a resolver of its own. Debian has the library without a program that uses it, so here is one: it calls getaddrinfo and writes
// the socket addresses that it gets.

/** musl's dynamic loader, which is the library, too. */
export function muslLoader(): Tool | undefined {
  const unpacked = process.env['DNS_CLIENTS']
  const path = [unpacked ?? '', '']
    .map((root) => join(root, '/lib/x86_64-linux-musl/libc.so'))
    .find((path) => existsSync(path))
  return path === undefined || process.arch !== 'x64' ? undefined : { path, env: [] }
}

/** getaddrinfo's codes in musl's netdb.h, negated. */
export const gai = { found: 0, EAI_NONAME: 2, EAI_AGAIN: 3, EAI_NODATA: 5 } as const
export const families = { any: 0, v4: 2, v6: 10 } as const

/** The arguments with which the loader runs the program in the file `path`, which this writes. */
export function lookUp(path: string, name: string, family: keyof typeof families): string[] {
  writeFileSync(path, program(), { mode: 0o755 })
  return [path, name, String.fromCharCode(0x30 + families[family])]
}

/** Addresses out of what the program wrote: a `struct sockaddr_in` or `sockaddr_in6` every 28 bytes. */
export function addressesIn(out: Buffer): Address[] {
  return Array.from({ length: out.length / entrySize }, (_, at) => {
    const entry = out.subarray(at * entrySize, (at + 1) * entrySize)
    return addressFromBytes(entry.readUInt16LE(0) === families.v4 ? entry.subarray(4, 8) : entry.subarray(8, 24))
  })
}

const entrySize = 28
const imports = ['__libc_start_main', 'getaddrinfo', 'write']
const slots = {
  strings: 0x1000,
  symbols: 0x1100,
  hash: 0x1200,
  relocations: 0x1300,
  dynamic: 0x1400,
  table: 0x1500,
  code: 0x1600,
}

/** A position-independent ELF64 file with one segment and a dynamic section that asks for libc.so (System V ABI, chapter 5). */
function program(): Uint8Array {
  const main = mainAt(slots.code)
  const file = new Uint8Array(slots.code + main.length + 64)
  const view = new DataView(file.buffer)
  const words = (at: number, ...values: (number | bigint)[]): void =>
    values.forEach((value, index) => view.setBigUint64(at + 8 * index, BigInt(value), true))
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(16, 3, true) // ET_DYN
  view.setUint16(18, 62, true) // EM_X86_64
  view.setUint32(20, 1, true)
  words(24, slots.code + main.length, 64)
  view.setUint16(52, 64, true)
  view.setUint16(54, 56, true)
  view.setUint16(56, 2, true)
  for (const [index, type, flags, at, size] of [
    [0, 1, 7, 0, file.length], // PT_LOAD
    [1, 2, 6, slots.dynamic, 0x100], // PT_DYNAMIC
  ] as const) {
    view.setUint32(64 + 56 * index, type, true)
    view.setUint32(68 + 56 * index, flags, true)
    words(72 + 56 * index, at, at, at, size, size, 0x1000)
  }
  const strings = Buffer.from(['', 'libc.so', ...imports, ''].join('\0'))
  file.set(strings, slots.strings)
  // Two counts, one bucket, one chain entry for each symbol: nothing can be found here.
  view.setUint32(slots.hash, 1, true)
  view.setUint32(slots.hash + 4, imports.length + 1, true)
  for (const [index, name] of imports.entries()) {
    view.setUint32(slots.symbols + 24 * (index + 1), strings.indexOf(`\0${name}\0`) + 1, true)
    file[slots.symbols + 24 * (index + 1) + 4] = 0x12 // a global function
    words(slots.relocations + 24 * index, slots.table + 8 * index, (BigInt(index + 1) << 32n) | 6n, 0) // R_X86_64_GLOB_DAT
  }
  const { hash, strings: strtab, symbols, relocations } = slots
  const needed = [1, strings.indexOf('\0libc.so\0') + 1]
  words(slots.dynamic, ...needed, 4, hash, 5, strtab, 6, symbols, 10, strings.length, 11, 24)
  words(slots.dynamic + 96, 7, relocations, 8, 24 * imports.length, 9, 24, 0, 0)
  file.set(main, slots.code)
  file.set(startAt(slots.code + main.length), slots.code + main.length)
  return file
}

/** What musl's crt1 does: main, argc and argv to __libc_start_main. */
function startAt(at: number): Uint8Array {
  return new Assembler()
    .op('xor ebp, ebp', 0x31, 0xed)
    .op('mov rsi, [rsp]', 0x48, 0x8b, 0x34, 0x24)
    .op('lea rdx, [rsp+8]', 0x48, 0x8d, 0x54, 0x24, 0x08)
    .op('lea rdi, [main]', 0x48, 0x8d, 0x3d, ...relative(at + 18, slots.code))
    .op('xor ecx, ecx', 0x31, 0xc9)
    .op('xor r8d, r8d', 0x45, 0x31, 0xc0)
    .op('xor r9d, r9d', 0x45, 0x31, 0xc9)
    .op('and rsp, -16', 0x48, 0x83, 0xe4, 0xf0)
    .op('call [__libc_start_main]', 0xff, 0x15, ...relative(at + 36, slots.table))
    .finish()
}

/** hints at rsp, the result at rsp+48; r13 is the table of imports. Ends with getaddrinfo's code, negated. */
function mainAt(at: number): Uint8Array {
  return new Assembler()
    .op('push rbx', 0x53)
    .op('push r12', 0x41, 0x54)
    .op('push r13', 0x41, 0x55)
    .op('lea r13, [table]', 0x4c, 0x8d, 0x2d, ...relative(at + 12, slots.table))
    .op('sub rsp, 64', 0x48, 0x83, 0xec, 0x40)
    .op('mov r12, rsi', 0x49, 0x89, 0xf4)
    .op('mov rdi, rsp', 0x48, 0x89, 0xe7)
    .op('mov ecx, 6', 0xb9, 6, 0, 0, 0)
    .op('xor eax, eax', 0x31, 0xc0)
    .op('rep stosq', 0xf3, 0x48, 0xab)
    .op('mov rax, [r12+16]', 0x49, 0x8b, 0x44, 0x24, 0x10)
    .op('movzx eax, byte [rax]', 0x0f, 0xb6, 0x00)
    .op("sub eax, '0'", 0x83, 0xe8, 0x30)
    .op('mov [rsp+4], eax (ai_family)', 0x89, 0x44, 0x24, 0x04)
    .op('mov dword [rsp+8], SOCK_STREAM', 0xc7, 0x44, 0x24, 0x08, 1, 0, 0, 0)
    .op('mov rdi, [r12+8]', 0x49, 0x8b, 0x7c, 0x24, 0x08)
    .op('xor esi, esi', 0x31, 0xf6)
    .op('mov rdx, rsp', 0x48, 0x89, 0xe2)
    .op('lea rcx, [rsp+48]', 0x48, 0x8d, 0x4c, 0x24, 0x30)
    .op('call [r13+8] (getaddrinfo)', 0x41, 0xff, 0x55, 0x08)
    .op('mov ebx, eax', 0x89, 0xc3)
    .op('test eax, eax', 0x85, 0xc0)
    .jump('notEqual', 'done')
    .op('mov r12, [rsp+48]', 0x4c, 0x8b, 0x64, 0x24, 0x30)
    .label('next')
    .op('test r12, r12', 0x4d, 0x85, 0xe4)
    .jump('equal', 'done')
    .op('mov edi, 1', 0xbf, 1, 0, 0, 0)
    .op('mov rsi, [r12+24] (ai_addr)', 0x49, 0x8b, 0x74, 0x24, 0x18)
    .op('mov edx, 28', 0xba, entrySize, 0, 0, 0)
    .op('call [r13+16] (write)', 0x41, 0xff, 0x55, 0x10)
    .op('mov r12, [r12+40] (ai_next)', 0x4d, 0x8b, 0x64, 0x24, 0x28)
    .jump('always', 'next')
    .label('done')
    .op('mov eax, ebx', 0x89, 0xd8)
    .op('neg eax', 0xf7, 0xd8)
    .op('add rsp, 64', 0x48, 0x83, 0xc4, 0x40)
    .op('pop r13', 0x41, 0x5d)
    .op('pop r12', 0x41, 0x5c)
    .op('pop rbx', 0x5b)
    .op('ret', 0xc3)
    .finish()
}

/** The displacement of an instruction that ends at `end`. */
function relative(end: number, target: number): number[] {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(target - end)
  return [...bytes]
}
