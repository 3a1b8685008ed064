// The one place that loads libc: the other files of this room declare the calls that they make by it.
import koffi from 'koffi'
import { KubehopError } from '../base/errors.ts'

const libc = koffi.load('libc.so.6')
const names: Record<string, number> = koffi.os.errno
const nameOf = new Map(Object.entries(names).map(([name, value]) => [value, name]))

/** Declares a libc function that returns -1 and sets errno on failure; the wrapper throws a KernelError then. */
export function declare<Args extends unknown[]>(definition: string): (op: string, ...args: Args) => number {
  const call = libc.func(definition)
  return (op, ...args) => {
    const result = Number(call(...args))
    if (result === -1) throw new KernelError(op, koffi.errno())
    return result
  }
}

/** The same, but failures come back as a negative errno, for calls where failing is ordinary (EAGAIN, ENOENT). */
export function declareRaw<Args extends unknown[]>(definition: string): (...args: Args) => number {
  const call = libc.func(definition)
  return (...args) => {
    const result = Number(call(...args))
    return result === -1 ? -koffi.errno() : result
  }
}

/** The same as {@link declareRaw}, on a thread of libuv's pool: the event loop goes on meanwhile. */
export function declareAsync<Args extends unknown[]>(definition: string): (...args: Args) => Promise<number> {
  const call = libc.func(definition)
  return (...args) =>
    new Promise((resolve, reject) => {
      call.async(...args, (error: unknown, returned: number | bigint) => {
        // The other thread used what the arguments point to: they are let go only here.
        args.length = 0
        if (error) return reject(error)
        const result = Number(returned)
        // errno is that of the call while this callback runs.
        resolve(result === -1 ? -koffi.errno() : result)
      })
    })
}

/** A system call that the kernel refused. `code` is errno's name: `EPERM`, `EEXIST`. */
export class KernelError extends KubehopError {
  readonly errno: number
  constructor(op: string, errno: number, detail?: string) {
    const code = errnoName(errno)
    super('kernel', op, code, detail === undefined ? code : `${code}: ${detail}`)
    this.errno = errno
  }
}

/** `1` is `EPERM`. */
export function errnoName(errno: number): string {
  return nameOf.get(errno) ?? `errno ${errno}`
}

/** `EPERM` is `1`. */
export function errnoOf(name: string): number {
  const value = names[name]
  if (value === undefined) throw new RangeError(`"${name}" is no errno`)
  return value
}

export const close: (op: string, fd: number) => number = declare('int close(int)')
export const EINTR: number = errnoOf('EINTR')
export const EAGAIN: number = errnoOf('EAGAIN')
