import { close as closeFd, readSync, write } from 'node:fs'
import { Socket } from 'node:net'
import { PassThrough, type Readable, Writable } from 'node:stream'
import { KubehopError, messageOf } from '../../base/errors.ts'
import { makePipe } from '../../kernel/fifo.ts'
import { launch } from '../../kernel/launch/launch.ts'
import { openProcess, type Process, SIGNALS } from '../../kernel/process.ts'
import { whenReadable } from '../../kernel/reactor.ts'
import { openTerminal, type Terminal } from '../../kernel/terminal.ts'
import { type Becoming, execOp } from './become.ts'
import { execProgram } from './program.ts'

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
  resize?(columns: number, rows: number): void
  /** The exit code, or 128 + signal; fulfilled when the output has been delivered too. */
  readonly exit: Promise<number>
  /** Ends the process if it still runs. */
  kill(): void
}

/** Starts a process beside the container's first one. Throws a KubehopError when there is no such program. */
export async function startExec(init: Process, what: Becoming, options: ExecOptions): Promise<Execution> {
  return options.tty === true ? withTerminal(init, what) : withPipes(init, what, options.stdin === true)
}

async function withPipes(init: Process, what: Becoming, wantsInput: boolean): Promise<Execution> {
  const [input, out, err] = [wantsInput ? makePipe() : undefined, makePipe(), makePipe()]
  const stdout = new Socket({ fd: out.read, readable: true, writable: false })
  const stderr = new Socket({ fd: err.read, readable: true, writable: false })
  const stdin = input && new Socket({ fd: input.write, readable: false, writable: true })
  // A process need not read what it is sent.
  stdin?.on('error', () => stdin.destroy())
  try {
    const started = start(init, what, undefined, [input?.read ?? 'ignore', out.write, err.write])
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
      kill: () => void process?.signal(SIGNALS.KILL),
    }
  } catch (error) {
    for (const stream of [stdin, stdout, stderr]) stream?.destroy()
    throw error
  }
}

async function withTerminal(init: Process, what: Becoming): Promise<Execution> {
  const terminal = openTerminal(`/proc/${init.pid}/root/dev/pts/ptmx`)
  try {
    const { process, exited } = await start(init, what, terminal.number, ['ignore', 'ignore', 'ignore'])
    const stdout = terminalOutput(terminal)
    const exit = exited.then(async (code) => {
      await delivered([stdout])
      return code
    })
    return {
      stdin: terminalInput(terminal),
      stdout,
      resize: (columns, rows) => terminal.resize(columns, rows),
      exit,
      kill: () => void process?.signal(SIGNALS.KILL),
    }
  } catch (error) {
    terminal.close()
    throw error
  }
}

async function start(
  init: Process,
  what: Becoming,
  terminal: number | undefined,
  stdio: ['ignore' | number, 'ignore' | number, 'ignore' | number],
): Promise<{ process: Process | undefined; exited: Promise<number> }> {
  try {
    const { reported, exited } = await launch(execProgram(what, terminal), {
      title: `kubehop exec ${what.argv[0] ?? ''}`,
      stdio,
      fds: [init.fd],
    })
    const process = reported === undefined ? undefined : openProcess(reported)
    void exited.then(() => process?.close())
    return { process, exited }
  } catch (error) {
    throw readable(error, what.argv)
  }
}

/** What people know from other runtimes when there is no such program. */
export function readable(error: unknown, argv: readonly string[]): unknown {
  if (!(error instanceof KubehopError) || error.op !== execOp(argv)) return error
  const name = argv[0] ?? ''
  const why: Record<string, string> = {
    ENOENT: name.includes('/') ? 'no such file or directory' : 'executable file not found in $PATH',
    EACCES: 'permission denied',
    ENOEXEC: 'exec format error: the file is no program and does not begin with "#!"',
  }
  const say = why[error.code] ?? messageOf(error)
  return new KubehopError('pod', execOp(argv), 'StartError', say, { cause: error })
}

/** Until all output has been read; not longer than a moment when something that the process left behind keeps it open. */
async function delivered(streams: Readable[]): Promise<void> {
  const all = Promise.all(
    streams.map(
      (stream) => new Promise<void>((resolve) => (stream.closed ? resolve() : stream.once('close', resolve))),
    ),
  )
  const timer = setTimeout(() => {
    for (const stream of streams) stream.destroy()
  }, leftoverMs)
  await all
  clearTimeout(timer)
}

const leftoverMs = 1000
const chunkSize = 16 * 1024
const retryMs = 20

/** A master is read when the kernel says so: it gives EIO, not an end, once the last process has closed the other side. */
function terminalOutput(terminal: Terminal): Readable {
  const stream = new PassThrough()
  const buffer = Buffer.alloc(chunkSize)
  let stop = whenReadable(terminal.fd, ready)
  function ready(): void {
    let count = 0
    try {
      count = readSync(terminal.fd, buffer)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN') return
      if (code !== 'EIO') stream.destroy(error as Error)
    }
    if (count === 0) {
      stop()
      terminal.close()
      stream.end()
    } else if (!stream.write(Buffer.from(buffer.subarray(0, count)))) {
      stop()
      stream.once('drain', () => (stop = whenReadable(terminal.fd, ready)))
    }
  }
  return stream
}

function terminalInput(terminal: Terminal): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      put(chunk, done)
    },
  })
  function put(chunk: Buffer, done: (error?: Error | null) => void): void {
    if (!terminal.open) return done()
    write(terminal.fd, chunk, 0, chunk.length, null, (error, count) => {
      // The process does not read now. Nothing tells when it did.
      if (error?.code === 'EAGAIN') setTimeout(() => put(chunk, done), retryMs)
      else if (error) done()
      else if (count < chunk.length) put(chunk.subarray(count), done)
      else done()
    })
  }
}

function ignore(): void {}
