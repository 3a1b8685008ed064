import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import type { Container } from '../../api/objects/pod.ts'
import type { Log } from '../../base/log.ts'
import { makeFifo, openFifoBothEnds, openFifoToRead } from '../../kernel/fifo.ts'
import type { launch } from '../../kernel/launch/launch.ts'
import { KernelError } from '../../kernel/libc.ts'
import { copyDescriptor } from '../../kernel/pidfd.ts'
import type { Process } from '../../kernel/process.ts'
import { type Terminal, terminalOf } from '../../kernel/terminal.ts'
import { LogWriter } from '../log/writer.ts'
import type { ContainerPaths } from '../paths.ts'
import type { InputWish } from './input.ts'
import { masterFd } from './terminal-program.ts'

/** What of its standard streams a container's spec asks for. */
export interface StreamsWish extends InputWish {
  tty: boolean
}

export function streamsOf({ stdin, stdinOnce, tty }: Container): StreamsWish {
  return { stdin: stdin === true, once: stdinOnce === true, tty: tty === true }
}

/** As much as a container may print while no agent runs before it has to wait. */
const pipeCapacity = 256 * 1024

export type Stdio = Parameters<typeof launch>[1]['stdio']

interface Ends {
  stdio: Stdio
  /** For the shim alone. */
  shimFds: number[]
  close: () => void
}

export const ofTerminal: Ends = { stdio: ['ignore', 'ignore', 'ignore'], shimFds: [], close: () => undefined }

/** New pipes for every instance: what the one before left in them was its own. */
export function makePipes(paths: ContainerPaths, stdin: boolean): Ends {
  const fds: number[] = []
  const fresh = (path: string): number => {
    rmSync(path, { force: true })
    makeFifo(path)
    const fd = openFifoBothEnds(path, pipeCapacity)
    fds.push(fd)
    return fd
  }
  const close = (): void => {
    for (const fd of fds) closeSync(fd)
  }
  try {
    const [stdout, stderr] = [fresh(paths.stdout), fresh(paths.stderr)]
    if (!stdin) return { stdio: ['ignore', stdout, stderr], shimFds: [], close }
    const path = inputOf(paths)
    fresh(path)
    // Each side its own end: when one side has closed it, the other is told.
    const [reading, writing] = [openSync(path, constants.O_RDONLY), openSync(path, constants.O_WRONLY)]
    fds.push(reading, writing)
    return { stdio: [reading, stdout, stderr], shimFds: [writing], close }
  } catch (error) {
    close()
    throw error
  }
}

export function inputOf(paths: ContainerPaths): string {
  return join(paths.dir, 'stdin')
}

export function markOf(paths: ContainerPaths, attempt: number): string {
  return join(paths.dir, `stdin-used.${attempt}`)
}

export type Outputs = ConstructorParameters<typeof LogWriter>[1]

export function pipesOf({ stdout, stderr }: ContainerPaths): Outputs {
  const read = (path: string): Socket => new Socket({ fd: openFifoToRead(path), readable: true, writable: false })
  return { stdout: read(stdout), stderr: read(stderr) }
}

/** Undefined when the shim is gone, and the terminal with it. */
export function terminalHeldBy(shim: Process | undefined): Terminal | undefined {
  try {
    return shim && terminalOf(copyDescriptor(shim.fd, masterFd))
  } catch (error) {
    if (error instanceof KernelError && error.code === 'ESRCH') return undefined
    throw error
  }
}

export function writerFor(path: string, outputs: Outputs, log: Log): LogWriter {
  try {
    return new LogWriter(path, outputs, log)
  } catch (error) {
    for (const output of Object.values(outputs)) output.destroy()
    throw error
  }
}
