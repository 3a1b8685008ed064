import { close as closeFd, closeSync, constants, openSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable, Writable } from 'node:stream'
import type { Group } from '../../kernel/cgroup/groups.ts'
import { makePipe } from '../../kernel/fifo.ts'
import { launch } from '../../kernel/launch/launch.ts'
import { openProcess, type Process, SIGNALS } from '../../kernel/process.ts'
import { openTerminal } from '../../kernel/terminal.ts'
import type { Becoming } from './become.ts'
import { readable } from './readable.ts'
import { execProgram } from './program.ts'
import { TerminalOutput, terminalInput } from './terminal-stream.ts'

export interface ExecOptions {
  command: string[]
  stdin?: boolean
  tty?: boolean
}

/** A process that was started in a container. */
export interface Execution {
  readonly stdin?: Writable
  readonly stdout: Readable
  /** A terminal has only one direction out. */
  readonly stderr?: Readable
  resize?: (columns: number, rows: number) => void
  /** The exit code, or 128 + signal; fulfilled when the output has been delivered too. */
  readonly exit: Promise<number>
  /** Ends the process if it still runs, with what it started in its process group, and all streams. */
  kill: () => void
}

/** Starts a process beside the container's first one. Throws a KubehopError when there is no such program. */
export async function startExec(
  init: Process,
  group: Group | undefined,
  what: Becoming,
  options: ExecOptions,
): Promise<Execution> {
  const place = { init, group }
  return options.tty === true ? withTerminal(place, what) : withPipes(place, what, options.stdin === true)
}

async function withPipes(place: Place, what: Becoming, wantsInput: boolean): Promise<Execution> {
  const [input, out, err] = [wantsInput ? makePipe() : undefined, makePipe(), makePipe()]
  const stdout = new Socket({ fd: out.read, readable: true, writable: false })
  const stderr = new Socket({ fd: err.read, readable: true, writable: false })
  const stdin = input && new Socket({ fd: input.write, readable: false, writable: true })
  // A process need not read what it is sent.
  stdin?.on('error', () => stdin.destroy())
  try {
    const started = start(place, what, { input: wantsInput }, [input?.read ?? 'ignore', out.write, err.write])
    for (const fd of [input?.read, out.write, err.write]) if (fd !== undefined) closeFd(fd, ignore)
    const { process, exited } = await started
    return {
      ...(stdin && { stdin }),
      stdout,
      stderr,
      exit: exited.then(async (code) => {
        stdin?.destroy()
        await delivered([stdout, stderr])
        return code
      }),
      kill: () => end(process, [stdin, stdout, stderr]),
    }
  } catch (error) {
    for (const stream of [stdin, stdout, stderr]) stream?.destroy()
    throw error
  }
}

async function withTerminal(place: Place, what: Becoming): Promise<Execution> {
  const terminal = openTerminal(`/proc/${place.init.pid}/root/dev/pts/ptmx`)
  try {
    const { process, exited } = await start(place, what, { terminal: terminal.number, input: false }, [
      'ignore',
      'ignore',
      'ignore',
    ])
    const stdout = new TerminalOutput(terminal)
    const exit = exited.then(async (code) => {
      await delivered([stdout])
      return code
    })
    const stdin = terminalInput(terminal)
    return {
      stdin,
      stdout,
      resize: (columns, rows) => terminal.resize(columns, rows),
      exit,
      kill: () => end(process, [stdin, stdout]),
    }
  } catch (error) {
    terminal.close()
    throw error
  }
}

async function start(
  { init, group }: Place,
  what: Becoming,
  streams: Parameters<typeof execProgram>[1],
  stdio: ['ignore' | number, 'ignore' | number, 'ignore' | number],
): Promise<{ process: Process | undefined; exited: Promise<number> }> {
  const entrances: number[] = []
  try {
    for (const path of group?.entrances ?? []) entrances.push(openSync(path, constants.O_WRONLY))
    const launched = launch(execProgram(what, streams, entrances.length), {
      title: `kubehop exec ${what.argv[0] ?? ''}`,
      stdio,
      fds: [init.fd, ...entrances],
    })
    for (const fd of entrances.splice(0)) closeSync(fd)
    const { reported, exited } = await launched
    const process = reported === undefined ? undefined : openProcess(reported)
    void exited.then(() => process?.close())
    return { process, exited }
  } catch (error) {
    throw readable(error, what)
  } finally {
    for (const fd of entrances) closeSync(fd)
  }
}

/** The container's first process, and the control group that holds it. */
interface Place {
  init: Process
  group: Group | undefined
}

/** Nobody listens any more: what is left of the output goes with the process, and with what it started (it leads a group). */
function end(process: Process | undefined, streams: (Readable | Writable | undefined)[]): void {
  process?.signalGroup(SIGNALS.KILL)
  for (const stream of streams) stream?.destroy()
}

interface Output extends Readable {
  readonly bytesRead: number
}

/**
 * Until all output has been read and delivered. When something that the process left behind keeps it open, not longer than a moment after the
 * last of it; a client that reads slowly is waited for.
 */
async function delivered(streams: readonly Output[]): Promise<void> {
  const all = Promise.all(
    streams.map(
      (stream) => new Promise<void>((resolve) => (stream.closed ? resolve() : stream.once('close', resolve))),
    ),
  )
  const seen = new Map(streams.map((stream) => [stream, stream.bytesRead]))
  const timer = setInterval(() => {
    for (const stream of streams) {
      if (!stream.isPaused() && stream.bytesRead === seen.get(stream)) stream.destroy()
      seen.set(stream, stream.bytesRead)
    }
  }, leftoverMs)
  await all
  clearInterval(timer)
}

const leftoverMs = 500

function ignore(): void {}
