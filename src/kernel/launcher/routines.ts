import type { Assembler } from '../launch/assembler.ts'

/** What the steps call. r13 is the socket. */
export function routines(code: Assembler): Assembler {
  return code
    .label('set option') // edx: which, r10: its struct timeval
    .op('mov eax, 54 (setsockopt)', 0xb8, 54, 0, 0, 0)
    .op('mov edi, r13d', 0x44, 0x89, 0xef)
    .op('mov esi, SOL_SOCKET', 0xbe, 1, 0, 0, 0)
    .op('mov r8d, 16', 0x41, 0xb8, 16, 0, 0, 0)
    .op('syscall', 0x0f, 0x05)
    .op('ret', 0xc3)

    .label('receive') // rbp bytes from the server to rsi; eax is 0 when all of them came
    .op('test rbp, rbp', 0x48, 0x85, 0xed)
    .jump('equal', 'done')
    .op('xor eax, eax (read)', 0x31, 0xc0)
    .op('mov edi, r13d', 0x44, 0x89, 0xef)
    .op('mov rdx, rbp', 0x48, 0x89, 0xea)
    .op('syscall', 0x0f, 0x05)
    .op('cmp eax, -EINTR', 0x83, 0xf8, 0xfc)
    .jump('equal', 'receive')
    .op('test rax, rax', 0x48, 0x85, 0xc0)
    .jump('notPositive', 'not done')
    .op('add rsi, rax', 0x48, 0x01, 0xc6)
    .op('sub rbp, rax', 0x48, 0x29, 0xc5)
    .jump('always', 'receive')

    .label('transmit') // rbp bytes from rsi to edi; eax is 0 when all of them went
    .op('test rbp, rbp', 0x48, 0x85, 0xed)
    .jump('equal', 'done')
    .op('mov eax, 1 (write)', 0xb8, 1, 0, 0, 0)
    .op('mov rdx, rbp', 0x48, 0x89, 0xea)
    .op('syscall', 0x0f, 0x05)
    .op('cmp eax, -EINTR', 0x83, 0xf8, 0xfc)
    .jump('equal', 'transmit')
    .op('cmp eax, -EAGAIN', 0x83, 0xf8, 0xf5)
    .jump('equal', 'full')
    .op('test rax, rax', 0x48, 0x85, 0xc0)
    .jump('notPositive', 'not done')
    .op('add rsi, rax', 0x48, 0x01, 0xc6)
    .op('sub rbp, rax', 0x48, 0x29, 0xc5)
    .jump('always', 'transmit')
    .label('full')
    .op('cmp edi, r13d', 0x44, 0x39, 0xef)
    .jump('equal', 'not done') // to the server: its time is over
    .op('mov edx, POLLOUT', 0xba, 4, 0, 0, 0)
    .jump('call', 'wait')
    .jump('always', 'transmit')
    .label('done')
    .op('xor eax, eax', 0x31, 0xc0)
    .op('ret', 0xc3)
    .label('not done')
    .op('mov eax, 1', 0xb8, 1, 0, 0, 0)
    .op('ret', 0xc3)

    .label('wait') // until edi can do edx; keeps edi and rsi
    .op('push rsi', 0x56)
    .op('push rdi', 0x57)
    .op('mov [rsp+4], edx', 0x89, 0x54, 0x24, 0x04)
    .op('mov eax, 7 (poll)', 0xb8, 7, 0, 0, 0)
    .op('mov rdi, rsp', 0x48, 0x89, 0xe7)
    .op('mov esi, 1', 0xbe, 1, 0, 0, 0)
    .op('or edx, -1', 0x83, 0xca, 0xff)
    .op('syscall', 0x0f, 0x05)
    .op('pop rdi', 0x5f)
    .op('mov edi, edi', 0x89, 0xff)
    .op('pop rsi', 0x5e)
    .op('ret', 0xc3)
}
