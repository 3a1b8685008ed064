import { Assembler } from './assembler.ts'
import { executable } from './elf.ts'

// Node cannot fork, and between fork and exec no JavaScript may run. So what must happen there (namespaces, mounts, pivot_root,
// a second fork for a PID namespace) is written down in TypeScript as a list of system calls, and this native program of a few
// hundred bytes performs the list. It is also what stays: a pod's pause process and a container's shim are this program, asleep
// in a system call, with a few pages of memory.
//
// A record of the list is 80 bytes: u64 number, u64 arguments[6], u64 where to store the result, u64 record to go on with when
// the result is positive, u64 whether an error is ignored. Numbers from 0x10000 up are not system calls but `wait` and `fail`.

/** Where the program's image (records and data) is mapped; addresses inside it are final, nothing is relocated. */
export const imageBase = 0x1000_0000
/** The image may not be larger: 1 MiB. */
export const imageLimit = 0x10_0000
export const recordSize = 80
/** Waits for every child until the one whose pid stands at argument 0 has ended; status to argument 1, exit code to the result. */
export const waitNumber = 0x1_0000
/** Ends the program as if the call before it had failed. */
export const failNumber = 0x1_0001
/** The descriptors that the stub finds open: the image, and where it reports a failed record. */
export const imageFd = 3
export const reportFd = 4

/** The whole program. */
export function stub(): Uint8Array {
  return executable(interpreter())
}

/** r12 walks the records; r13 keeps the last error (-errno). */
function interpreter(): Uint8Array {
  return new Assembler()
    .op('mov eax, 9 (mmap)', 0xb8, 9, 0, 0, 0)
    .op('mov edi, imageBase', 0xbf, 0, 0, 0, 0x10)
    .op('mov esi, imageLimit', 0xbe, 0, 0, 0x10, 0)
    .op('mov edx, PROT_READ|PROT_WRITE', 0xba, 3, 0, 0, 0)
    .op('mov r10d, MAP_PRIVATE|MAP_FIXED', 0x41, 0xba, 0x12, 0, 0, 0)
    .op('mov r8d, imageFd', 0x41, 0xb8, 3, 0, 0, 0)
    .op('xor r9d, r9d', 0x45, 0x31, 0xc9)
    .op('syscall', 0x0f, 0x05)
    .op('mov r12d, imageBase', 0x41, 0xbc, 0, 0, 0, 0x10)
    .op('cmp rax, r12', 0x4c, 0x39, 0xe0)
    .jump('notEqual', 'broken')

    .label('record')
    .op('mov rax, [r12]', 0x49, 0x8b, 0x04, 0x24)
    .op('mov rdi, [r12+8]', 0x49, 0x8b, 0x7c, 0x24, 0x08)
    .op('mov rsi, [r12+16]', 0x49, 0x8b, 0x74, 0x24, 0x10)
    .op('mov rdx, [r12+24]', 0x49, 0x8b, 0x54, 0x24, 0x18)
    .op('mov r10, [r12+32]', 0x4d, 0x8b, 0x54, 0x24, 0x20)
    .op('mov r8, [r12+40]', 0x4d, 0x8b, 0x44, 0x24, 0x28)
    .op('mov r9, [r12+48]', 0x4d, 0x8b, 0x4c, 0x24, 0x30)
    .op('cmp eax, 0x10000', 0x3d, 0, 0, 1, 0)
    .jump('equal', 'wait')
    .jump('above', 'fail')
    .op('syscall', 0x0f, 0x05)
    .op('mov rbx, [r12+56]', 0x49, 0x8b, 0x5c, 0x24, 0x38)
    .op('test rax, rax', 0x48, 0x85, 0xc0)
    .jump('negative', 'error')
    .op('test rbx, rbx', 0x48, 0x85, 0xdb)
    .jump('equal', 'stored')
    .op('mov [rbx], eax', 0x89, 0x03)
    .label('stored')
    .op('test rax, rax', 0x48, 0x85, 0xc0)
    .jump('equal', 'advance')
    .op('mov rcx, [r12+64]', 0x49, 0x8b, 0x4c, 0x24, 0x40)
    .op('test rcx, rcx', 0x48, 0x85, 0xc9)
    .jump('equal', 'advance')
    .op('mov r12, rcx', 0x49, 0x89, 0xcc)
    .jump('always', 'record')
    .label('advance')
    .op('add r12, 80', 0x49, 0x83, 0xc4, 0x50)
    .jump('always', 'record')

    .label('error')
    .op('mov r13d, eax', 0x41, 0x89, 0xc5)
    .op('cmp dword [r12+72], 0', 0x41, 0x83, 0x7c, 0x24, 0x48, 0)
    .jump('notEqual', 'advance')
    .label('fail') // reports { u32 1, u32 address of the record, i32 -errno }
    .op('sub rsp, 16', 0x48, 0x83, 0xec, 0x10)
    .op('mov dword [rsp], 1', 0xc7, 0x04, 0x24, 1, 0, 0, 0)
    .op('mov [rsp+4], r12d', 0x44, 0x89, 0x64, 0x24, 0x04)
    .op('mov [rsp+8], r13d', 0x44, 0x89, 0x6c, 0x24, 0x08)
    .op('mov eax, 1 (write)', 0xb8, 1, 0, 0, 0)
    .op('mov edi, reportFd', 0xbf, 4, 0, 0, 0)
    .op('mov rsi, rsp', 0x48, 0x89, 0xe6)
    .op('mov edx, 12', 0xba, 12, 0, 0, 0)
    .op('syscall', 0x0f, 0x05)
    .label('broken')
    .op('mov eax, 231 (exit_group)', 0xb8, 0xe7, 0, 0, 0)
    .op('mov edi, 127', 0xbf, 0x7f, 0, 0, 0)
    .op('syscall', 0x0f, 0x05)

    .label('wait')
    .op('mov r14, rsi', 0x49, 0x89, 0xf6)
    .op('mov r15d, [rdi]', 0x44, 0x8b, 0x3f)
    .label('again')
    .op('mov eax, 61 (wait4)', 0xb8, 61, 0, 0, 0)
    .op('mov edi, -1', 0xbf, 0xff, 0xff, 0xff, 0xff)
    .op('mov rsi, r14', 0x4c, 0x89, 0xf6)
    .op('xor edx, edx', 0x31, 0xd2)
    .op('xor r10d, r10d', 0x45, 0x31, 0xd2)
    .op('syscall', 0x0f, 0x05)
    .op('cmp eax, r15d', 0x44, 0x39, 0xf8)
    .jump('equal', 'ended')
    .op('cmp eax, -ECHILD', 0x83, 0xf8, 0xf6)
    .jump('notEqual', 'again')
    .op('mov r13d, eax', 0x41, 0x89, 0xc5)
    .jump('always', 'fail')
    .label('ended') // exit code, or 128 + signal as shells and runtimes count it
    .op('mov eax, [r14]', 0x41, 0x8b, 0x06)
    .op('mov ecx, eax', 0x89, 0xc1)
    .op('and ecx, 0x7f', 0x83, 0xe1, 0x7f)
    .jump('equal', 'exited')
    .op('lea eax, [rcx+128]', 0x8d, 0x81, 0x80, 0, 0, 0)
    .jump('always', 'code')
    .label('exited')
    .op('shr eax, 8', 0xc1, 0xe8, 8)
    .op('and eax, 0xff', 0x25, 0xff, 0, 0, 0)
    .label('code')
    .op('mov rbx, [r12+56]', 0x49, 0x8b, 0x5c, 0x24, 0x38)
    .op('mov [rbx], eax', 0x89, 0x03)
    .jump('always', 'advance')
    .finish()
}
