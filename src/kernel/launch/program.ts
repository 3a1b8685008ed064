import { KubehopError } from '../../base/errors.ts'
import { failNumber, imageBase, imageLimit, recordSize, waitNumber } from './stub.ts'
import { type Syscall, syscalls } from './syscalls.ts'

/** A number, the address of a C string, the address of bytes (writable), the address of a cell, or an earlier call's result. */
export type Argument = number | bigint | string | Uint8Array | Cell | Result | StringList

/** Four bytes of the image that a call's result can be stored in, and whose address can be an argument. */
export interface Cell {
  readonly kind: 'cell'
  /** Which bytes of which buffer. */
  readonly buffer: Uint8Array
  readonly offset: number
}

/** What a call gave back, usable as an argument of one later call (the stub stores it straight into that argument). */
export interface Result {
  readonly kind: 'result'
  readonly of: number
}

/** A NULL-terminated array of C strings: argv, envp. */
export interface StringList {
  readonly kind: 'strings'
  readonly strings: readonly string[]
}

export function strings(list: readonly string[]): StringList {
  return { kind: 'strings', strings: list }
}

export function cell(buffer: Uint8Array = new Uint8Array(4), offset = 0): Cell {
  return { kind: 'cell', buffer, offset }
}

interface Step {
  op: string
  number: number
  args: Argument[]
  store: Cell | undefined
  jump: number | undefined
  ignore: boolean
}

/**
 * A list of system calls for the stub. Each call is named for people: when the kernel refuses it, the error says
 * `mount /proc: EPERM`. Calls run in order; the first refused one ends the program unless it is ignored.
 */
export class Program {
  readonly #steps: Step[] = []

  /** Adds a call. The result can be passed on to one later call. */
  call(op: string, name: Syscall, ...args: Argument[]): Result {
    return this.#add({ op, number: syscalls[name], args, store: undefined, jump: undefined, ignore: false })
  }

  /** Adds a call that may fail. */
  attempt(op: string, name: Syscall, ...args: Argument[]): Result {
    return this.#add({ op, number: syscalls[name], args, store: undefined, jump: undefined, ignore: true })
  }

  /** Forks: `parent` is what the parent goes on with (it must end in exit), the calls added next are the child's. The pid goes to `pid`. */
  fork(op: string, flags: number, pid: Cell, parent: (program: Program) => void): void {
    const at = this.#steps.length
    this.#add({ op, number: syscalls.clone, args: [flags | 17], store: pid, jump: -1, ignore: false })
    const rest = new Program()
    parent(rest)
    this.#parents.push({ at, steps: rest.#steps, nested: rest.#parents })
  }
  readonly #parents: { at: number; steps: Step[]; nested: unknown[] }[] = []

  /**
   * Blocks until one of the signals in `mask` (8 bytes, bit n-1 for signal n; all of them must be blocked) is pending, and takes it.
   * A wait that a stop, a continue or a tracer interrupts begins anew.
   */
  awaitSignal(op: string, mask: Uint8Array): void {
    const at = this.#steps.length
    const again = { store: undefined, ignore: true }
    this.#add({ ...again, op, number: syscalls.rt_sigtimedwait, args: [mask, 0, 0, mask.length], jump: at + 2 })
    // Every pid is positive, so this call always jumps.
    this.#add({ ...again, op, number: syscalls.getpid, args: [], jump: at })
  }

  /** Makes the calls of `body` unless this one succeeds with a positive result: a descriptor, a pid. */
  unless(op: string, name: Syscall, args: Argument[], body: (program: Program) => void): void {
    const probe: Step = { op, number: syscalls[name], args, store: undefined, jump: -1, ignore: true }
    this.#add(probe)
    body(this)
    probe.jump = this.#steps.length
  }

  /** Reaps every child until the one in `pid` has ended; its wait status goes to `status`, its exit code (128 + signal) is the result. */
  wait(op: string, pid: Cell, status: Cell): Result {
    // The stub stores this result in any case.
    return this.#add({ op, number: waitNumber, args: [pid, status], store: cell(), jump: undefined, ignore: false })
  }

  /** Ends the program with the last error: after attempts of which one had to succeed. */
  fail(op: string): void {
    this.#add({ op, number: failNumber, args: [], store: undefined, jump: undefined, ignore: false })
  }

  #add(step: Step): Result {
    this.#steps.push(step)
    return { kind: 'result', of: this.#steps.length - 1 }
  }

  /** The image: records first, data behind them; and the name of each record by its address. */
  encode(): { image: Uint8Array; opAt: (address: number) => string } {
    const steps = this.#flatten()
    const memory = new Memory(steps.length * recordSize)
    const records = new DataView(new ArrayBuffer(steps.length * recordSize))
    const stored = new Map<number, bigint>()
    for (const [index, step] of steps.entries()) {
      const at = index * recordSize
      records.setBigUint64(at, BigInt(step.number), true)
      for (const [position, argument] of step.args.entries()) {
        const slot = at + 8 + 8 * position
        if (typeof argument === 'object' && 'kind' in argument && argument.kind === 'result') {
          if (stored.has(argument.of)) throw new Error(`the result of "${steps[argument.of]?.op}" is used twice`)
          stored.set(argument.of, BigInt(imageBase + slot))
        } else records.setBigUint64(slot, BigInt.asUintN(64, memory.valueOf(argument)), true)
      }
      if (step.store) records.setBigUint64(at + 56, memory.valueOf(step.store), true)
      if (step.jump !== undefined) records.setBigUint64(at + 64, BigInt(imageBase + step.jump * recordSize), true)
      records.setBigUint64(at + 72, step.ignore ? 1n : 0n, true)
    }
    for (const [index, address] of stored) records.setBigUint64(index * recordSize + 56, address, true)
    const image = memory.finish(new Uint8Array(records.buffer))
    if (image.length > imageLimit) {
      throw new KubehopError(
        'kernel',
        'launch',
        'TooLarge',
        `the arguments and environment take ${image.length} bytes; at most ${imageLimit} fit`,
      )
    }
    return { image, opAt: (address) => steps[(address - imageBase) / recordSize]?.op ?? `record at ${address}` }
  }

  /** Parents' steps go behind all others, so that the child just goes on with the next record. */
  #flatten(): Step[] {
    const steps = [...this.#steps]
    for (const { at, steps: parent, nested } of this.#parents) {
      if (nested.length > 0) throw new Error('a parent of a fork cannot fork again')
      const start = steps.length
      const fork = steps[at]
      if (fork) steps[at] = { ...fork, jump: start }
      for (const step of parent) {
        const jump = step.jump === undefined ? undefined : step.jump + start
        steps.push({ ...step, jump, args: step.args.map((argument) => moved(argument, start)) })
      }
    }
    return steps
  }
}

function moved(argument: Argument, by: number): Argument {
  return typeof argument === 'object' && 'kind' in argument && argument.kind === 'result'
    ? { kind: 'result', of: argument.of + by }
    : argument
}

/** The image's data: every buffer and string has one final address. */
class Memory {
  #next: number
  readonly #placed = new Map<Uint8Array, number>()
  readonly #texts = new Map<string, number>()
  readonly #chunks: { at: number; bytes: Uint8Array }[] = []

  constructor(start: number) {
    this.#next = start
  }

  valueOf(argument: Exclude<Argument, Result>): bigint {
    if (typeof argument === 'number' || typeof argument === 'bigint') return BigInt(argument)
    if (typeof argument === 'string') return this.#text(argument)
    if (argument instanceof Uint8Array) return this.#place(argument)
    if (argument.kind === 'cell') return this.#place(argument.buffer) + BigInt(argument.offset)
    const addresses = new BigUint64Array(argument.strings.length + 1)
    for (const [at, text] of argument.strings.entries()) addresses[at] = this.#text(text)
    return this.#place(new Uint8Array(addresses.buffer))
  }

  #text(text: string): bigint {
    const known = this.#texts.get(text)
    if (known !== undefined) return BigInt(imageBase + known)
    if (text.includes('\0'))
      throw new KubehopError('kernel', 'launch', 'EINVAL', 'an argument or environment value contains a NUL byte')
    const address = this.#place(new TextEncoder().encode(`${text}\0`))
    this.#texts.set(text, Number(address) - imageBase)
    return address
  }

  #place(bytes: Uint8Array): bigint {
    let at = this.#placed.get(bytes)
    if (at === undefined) {
      at = (this.#next + 7) & ~7
      this.#next = at + bytes.length
      this.#placed.set(bytes, at)
      this.#chunks.push({ at, bytes })
    }
    return BigInt(imageBase + at)
  }

  finish(records: Uint8Array): Uint8Array {
    const image = new Uint8Array(this.#next)
    image.set(records)
    for (const { at, bytes } of this.#chunks) image.set(bytes, at)
    return image
  }
}
