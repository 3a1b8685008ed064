import { KubehopError } from '../../base/errors.ts'
import { Assembler } from '../launch/assembler.ts'
import { codeBase, executable } from '../launch/elf.ts'
import { longestSocketPath } from '../unix-peer.ts'
import { greeting } from './protocol.ts'
import { routines } from './routines.ts'
import { steps } from './steps.ts'

// A program that somebody starts for every little thing: it hands its environment and its standard input to a server behind a unix socket, and
// passes on what that answers. Where no server greets it, it becomes another program, as if it had never been there. No libc, no loader, no
// allocation: exec to connect takes a fraction of a millisecond. The messages are those of protocol.ts.

/** What a launcher has in it. Paths are absolute. */
export interface LauncherOptions {
  /** Of the server, at most 107 bytes. */
  readonly socket: string
  /** Without this variable in its environment, or when it is empty, the server is not asked. */
  readonly variable: string
  /** What it becomes when nobody greets: the program, and its arguments from argv[0] on. Environment and standard input are untouched. */
  readonly program: string
  readonly argv: readonly string[]
  /** Must be readable for the program to be started. */
  readonly script: string
  /** Written to standard output with exit code 1, when: */
  readonly say: {
    /** the server greeted and did not answer: what was asked for may be done, or half done; */
    readonly lost: string
    /** standard input could not be read; */
    readonly unreadable: string
    /** nobody greeted, and the program or its script is not there. */
    readonly missing: string
  }
  /** Seconds that it waits for the greeting, and then for the answer. */
  readonly patience: { readonly greeting: number; readonly answer: number }
}

/** The whole program: an ELF file for x86-64 Linux. */
export function launcher(options: LauncherOptions): Uint8Array {
  const path = bytesOf(options.socket)
  if (path.length > longestSocketPath)
    throw new KubehopError(
      'kernel',
      'write a launcher',
      'PathTooLong',
      `the socket's path ${options.socket} has ${path.length} bytes, and ${longestSocketPath} is the most that a socket can have`,
    )
  const { lost, unreadable, missing } = options.say
  const code = new Assembler()
  steps(code, {
    variable: bytesOf(options.variable).length + 1,
    address: path.length + 3,
    lost: bytesOf(lost).length,
    unreadable: bytesOf(unreadable).length,
    missing: bytesOf(missing).length,
  })
  routines(code)
  const argv = options.argv.map((_, at) => `argument ${at}`)
  code
    .data('variable', bytesOf(`${options.variable}=`))
    .data('greeting', greeting)
    .data('socket', Uint8Array.of(1, 0, ...path, 0)) // AF_UNIX
    .data('greeting patience', timeval(options.patience.greeting))
    .data('answer patience', timeval(options.patience.answer))
    .data('ignore', numbers(1n, 0n, 0n, 0n)) // struct sigaction: SIG_IGN
    .data('program', cString(options.program))
    .data('script', cString(options.script))
    .data('lost message', bytesOf(lost))
    .data('unreadable message', bytesOf(unreadable))
    .data('missing message', bytesOf(missing))
  for (const [at, word] of options.argv.entries()) code.data(`argument ${at}`, cString(word))
  return executable(code.pointers('argv', argv).finish(codeBase))
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function cString(text: string): Uint8Array {
  if (text.includes('\0')) throw new TypeError('kernel: a NUL byte in what a launcher starts')
  return bytesOf(`${text}\0`)
}

function timeval(seconds: number): Uint8Array {
  return numbers(BigInt(seconds), 0n)
}

function numbers(...values: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer)
}
