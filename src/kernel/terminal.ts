import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { declareRaw, KernelError } from './libc.ts'

const ioctl = declareRaw<[number, number, string, Uint8Array]>('int ioctl(int, unsigned long, ...)')

// include/uapi/asm-generic/ioctls.h
const TIOCSPTLCK = 0x4004_5431
const TIOCGPTN = 0x8004_5430
const TIOCSWINSZ = 0x5414
/** Device 5:2, whatever the file that leads to it is called. */
const ptmxDevice = (5 << 8) | 2
/** Rows and columns are 16 bits. */
const mostCells = 0xffff

/** A pseudo-terminal, by its master. */
export interface Terminal {
  /** The master, non-blocking; reading it gives EIO once nobody has the other end. */
  readonly fd: number
  /** False once closed. */
  readonly open: boolean
  /** In characters; what is no size of a terminal is left out. */
  resize(columns: number, rows: number): void
  close(): void
}

/** `ptmx` is the multiplexer inside a devpts mount, such as `/proc/4711/root/dev/pts/ptmx`; the other end is `/dev/pts/<number>` there. */
export function openTerminal(ptmx: string): Terminal & { readonly number: number } {
  const { O_RDWR, O_NOCTTY, O_NONBLOCK, O_NOFOLLOW } = constants
  const fd = openSync(ptmx, O_RDWR | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW)
  try {
    if (fstatSync(fd).rdev !== ptmxDevice) throw new KernelError('open a terminal', 25, `${ptmx} is no multiplexer`)
    control('unlock a terminal', fd, TIOCSPTLCK, new Uint8Array(4))
    const number = new Uint8Array(4)
    control('ask for a terminal', fd, TIOCGPTN, number)
    return new Master(fd, new DataView(number.buffer).getUint32(0, true))
  } catch (error) {
    closeSync(fd)
    throw error
  }
}

/** Takes over the descriptor of a master. */
export function terminalOf(fd: number): Terminal {
  return new Master(fd, -1)
}

class Master implements Terminal {
  readonly fd: number
  readonly number: number
  #open = true

  constructor(fd: number, number: number) {
    this.fd = fd
    this.number = number
  }

  get open(): boolean {
    return this.#open
  }

  resize(columns: number, rows: number): void {
    if (!this.#open || !isCount(columns) || !isCount(rows)) return
    const size = new Uint8Array(8) // struct winsize: rows, columns, pixels
    new DataView(size.buffer).setUint16(0, rows, true)
    new DataView(size.buffer).setUint16(2, columns, true)
    control('resize a terminal', this.fd, TIOCSWINSZ, size)
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    closeSync(this.fd)
  }
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= mostCells
}

function control(op: string, fd: number, request: number, argument: Uint8Array): void {
  const result = ioctl(fd, request, 'void *', argument)
  if (result < 0) throw new KernelError(op, -result)
}
