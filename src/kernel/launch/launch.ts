import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { constants } from 'node:os'
import type { Readable } from 'node:stream'
import { KubehopError } from '../../base/errors.ts'
import { close, declare, declareRaw, KernelError } from '../libc.ts'
import { cell, type Cell, type Program } from './program.ts'
import { stub } from './stub.ts'

const MFD_CLOEXEC = 1
const MFD_ALLOW_SEALING = 2
const MFD_EXEC = 0x10
const F_ADD_SEALS = 1033
/** F_SEAL_SEAL, SHRINK, GROW and WRITE. */
const everySeal = 0xf
const memfdCreate = declareRaw<[string, number]>('int memfd_create(const char *, unsigned int)')
const fcntl = declare<[number, number, string, number]>('int fcntl(int, int, ...)')
const write = declare<[number, Uint8Array, number]>('long write(int, void *, unsigned long)')

/** What a launch inherits besides the stub's own two descriptors. */
export interface LaunchOptions {
  /** How `ps` shows the stub that stays: `kubehop pause default/web`. */
  title: string
  /** Descriptors 0, 1 and 2. */
  stdio: [
    'ignore' | 'pipe' | 'inherit' | number,
    'ignore' | 'pipe' | 'inherit' | number,
    'ignore' | 'pipe' | 'inherit' | number,
  ]
  /** Further descriptors, from 5 on; a pipe's other end is `child.stdio` at the same place. */
  fds?: ('pipe' | number)[]
}

export interface Launched {
  /** The stub's process; it is what `exited` speaks of. */
  readonly child: ChildProcess
  /** The pid that the program reported (see {@link reportPid}), in the launcher's PID namespace. */
  readonly reported: number | undefined
  /** The text that the program reported (see {@link reportText}). */
  readonly said: string | undefined
  /** Exit code, or 128 + signal. */
  readonly exited: Promise<number>
}

/**
 * Runs the program in a fresh child and resolves once it has closed its report (descriptor 4): after execve, or after an explicit close.
 * Rejects with a {@link KernelError} naming the call that the kernel refused; nothing of the launch is left then.
 * Called inside another network namespace (`inNetns`), the child starts there: the fork happens before this function returns.
 */
export function launch(program: Program, options: LaunchOptions): Promise<Launched> {
  const { image, opAt } = program.encode()
  const imageFile = memoryFile('kubehop-image', image, false)
  const stdio: StdioOptions = [...options.stdio, imageFile, 'pipe', ...(options.fds ?? [])]
  let child: ChildProcess
  try {
    child = spawn(stubPath(), [], { argv0: options.title, stdio, detached: true, env: {}, cwd: '/' })
  } finally {
    close('close the launch image', imageFile)
  }
  const exited = new Promise<number>((resolve) => {
    child.once('exit', (code, signal) => resolve(code ?? 128 + signalNumber(signal)))
  })
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(
        new KubehopError('kernel', 'launch', 'SpawnFailed', `cannot start ${options.title}: ${cause.message}`, {
          cause,
        }),
      )
    })
    // A child that could not be made, for want of descriptors perhaps, has no streams.
    const report = (child.stdio as ChildProcess['stdio'] | undefined)?.[4] as Readable | null | undefined
    const chunks: Buffer[] = []
    report?.on('data', (chunk: Buffer) => chunks.push(chunk))
    report?.once('error', reject)
    report?.once('close', () => {
      const { failure, pid, said } = readReport(Buffer.concat(chunks))
      if (!failure) resolve({ child, reported: pid, said, exited })
      else {
        // The one that was refused has ended; the stub that it left may wait for somebody.
        child.kill('SIGKILL')
        void exited.then(() => reject(new KernelError(opAt(failure.record), failure.errno)))
      }
    })
  })
}

/** The message `{ u32 2, i32 pid }` that a program writes to its report to tell a pid; the pid's cell is at offset 4. */
export function reportPid(): Uint8Array {
  return Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0)
}

/** The message `{ u32 3, u32 most, text }` that a program writes to its report; `text` is where it has to put the text first. */
export function reportText(most: number): { message: Uint8Array; text: Cell; most: number } {
  const message = new Uint8Array(8 + most)
  new DataView(message.buffer).setUint32(0, 3, true)
  new DataView(message.buffer).setUint32(4, most, true)
  return { message, text: cell(message, 8), most }
}

interface Report {
  failure?: { record: number; errno: number }
  pid?: number
  said?: string
}

function readReport(bytes: Buffer): Report {
  const report: Report = {}
  for (let at = 0; at + 8 <= bytes.length; ) {
    const kind = bytes.readUInt32LE(at)
    if (kind === 1) {
      report.failure = { record: bytes.readUInt32LE(at + 4), errno: -bytes.readInt32LE(at + 8) }
      at += 12
    } else if (kind === 3) {
      const [from, end] = [at + 8, at + 8 + bytes.readUInt32LE(at + 4)]
      report.said = bytes.toString('utf8', from, end).replace(/\0.*$/s, '')
      at = end
    } else {
      report.pid = bytes.readInt32LE(at + 4)
      at += 8
    }
  }
  return report
}

let stubFile = -1

/** The stub lives in memory: no file to install, none to be on a noexec mount. */
function stubPath(): string {
  if (process.arch !== 'x64') {
    throw new KubehopError(
      'kernel',
      'launch',
      'Unsupported',
      `processes are started by a native stub that exists for x86-64 only; this machine is ${process.arch}`,
    )
  }
  if (stubFile < 0) stubFile = memoryFile('kubehop', stub(), true)
  return `/proc/self/fd/${stubFile}`
}

/** Kernels from 6.3 want to be told whether a memfd may be executed; older ones refuse the flag. */
function memoryFile(name: string, bytes: Uint8Array, executable: boolean): number {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING
  let fd = executable ? memfdCreate(name, flags | MFD_EXEC) : -1
  if (fd < 0) fd = memfdCreate(name, flags)
  if (fd < 0) throw new KernelError('make a memory file', -fd)
  write('write a memory file', fd, bytes, bytes.length)
  // A process in a container can find this file behind /proc/PID/exe of one that is about to become its neighbour (CVE-2019-5736).
  if (executable) fcntl('seal a memory file', fd, F_ADD_SEALS, 'int', everySeal)
  return fd
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : (signals[signal] ?? 0)
}

const signals: Partial<Record<string, number>> = constants.signals
