import { randomBytes } from 'node:crypto'
import { closeSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { Log } from '../../base/log.ts'
import { makeFifo, openFifoBothEnds } from '../../kernel/fifo.ts'
import { launch, type Launched } from '../../kernel/launch/launch.ts'
import { shareFile } from '../../kernel/share.ts'
import { openProcess, type Process, SIGNALS } from '../../kernel/process.ts'
import type { Becoming } from './become.ts'
import { containerProgram } from './program.ts'
import { LogWriter } from '../log/writer.ts'
import type { ContainerPaths } from '../paths.ts'
import type { Ending, RunRecord } from '../record.ts'
import type { RootInput } from '../root/root.ts'

/** One instance of a container. */
export interface ContainerRun {
  readonly record: RunRecord
  readonly log: LogWriter
  /** The container's first process; undefined when it has ended. */
  readonly init: Process | undefined
  /** Fulfilled when it has ended and its output is written. */
  readonly ended: Promise<Ending>
  /** False when it has ended already. */
  signal(number: number): boolean
  /** Lets go of it; it goes on. */
  detach(): void
}

export interface RunInput {
  title: string
  image: string
  attempt: number
  paths: ContainerPaths
  logPath: string
  what: Becoming
  root: RootInput
  pause: Process
  /** The file that is shared while a container of the node starts; see {@link endStrays}. */
  starting: string
  log: Log
}

/** As much as a container may print while no agent runs before it has to wait. */
const pipeCapacity = 256 * 1024

/** Starts an instance. Rejects with a KernelError that names the step that the kernel refused; nothing is left then. */
export async function startRun(input: RunInput): Promise<ContainerRun> {
  const { paths, attempt } = input
  mkdirSync(paths.root, { recursive: true, mode: 0o700 })
  writeFileSync(paths.terminationLog, '', { mode: 0o666 })
  rmSync(paths.status(attempt), { force: true })
  const pipes = [paths.stdout, paths.stderr].map((path) => {
    // A new pipe for every instance: what the one before left in it was its own.
    rmSync(path, { force: true })
    makeFifo(path)
    return openFifoBothEnds(path, pipeCapacity)
  })
  const [stdout = -1, stderr = -1] = pipes
  try {
    const started = startShim(input, stdout, stderr)
    const log = await logFor(input, started)
    const { child, reported } = await started
    child.unref()
    const shim = child.pid === undefined ? undefined : openProcess(child.pid)
    const init = reported === undefined ? undefined : openProcess(reported)
    const record: RunRecord = {
      id: randomBytes(32).toString('hex'),
      attempt,
      shim: { pid: child.pid ?? 0, started: shim?.started ?? '' },
      ...(init && { init: { pid: init.pid, started: init.started } }),
      startedAt: new Date().toISOString(),
      image: input.image,
    }
    return runOf(record, paths, shim, init, log)
  } finally {
    for (const fd of pipes) closeSync(fd)
  }
}

/** The child has the file of what is starting from its first moment, and lets go of it itself: this agent may be dead by then. */
function startShim(
  { title, what, root, paths, attempt, pause, starting }: RunInput,
  stdout: number,
  stderr: number,
): Promise<Launched> {
  const shared = shareFile(starting)
  try {
    return launch(containerProgram(what, root, paths.status(attempt)), {
      title: `kubehop shim ${title}`,
      stdio: ['ignore', stdout, stderr],
      fds: [pause.fd, shared],
    })
  } finally {
    closeSync(shared)
  }
}

/** Opened while the container starts. Where it cannot be (no descriptors, a full disk), the container that would have no log ends. */
async function logFor({ logPath, paths, log }: RunInput, started: Promise<Launched>): Promise<LogWriter> {
  try {
    return new LogWriter(logPath, paths, log)
  } catch (error) {
    const [launched] = await Promise.allSettled([started])
    if (launched.status === 'fulfilled') {
      const { child, reported } = launched.value
      for (const pid of [reported, child.pid]) if (pid !== undefined) openProcess(pid)?.signal(SIGNALS.KILL)
    }
    throw error
  }
}

/** An instance that another agent started. When it has ended meanwhile, `ended` tells how. */
export function adoptRun(record: RunRecord, paths: ContainerPaths, logPath: string, log: Log): ContainerRun {
  const shim = openProcess(record.shim.pid, record.shim.started)
  const init = record.init && openProcess(record.init.pid, record.init.started)
  return runOf(record, paths, shim, init, new LogWriter(logPath, paths, log))
}

function runOf(
  record: RunRecord,
  paths: ContainerPaths,
  shim: Process | undefined,
  init: Process | undefined,
  log: LogWriter,
): ContainerRun {
  let held = true
  const end = async (): Promise<Ending> => {
    await shim?.ended
    await log.ended
    held = false
    shim?.close()
    init?.close()
    return endingOf(record, paths)
  }
  return {
    record,
    log,
    get init() {
      return held ? init : undefined
    },
    ended: end(),
    // The container's first process, not the shim: it must be there to tell how the container ended.
    signal: (number) => held && (init?.signal(number) ?? false),
    detach() {
      if (!held) return
      held = false
      log.detach()
      shim?.close()
      init?.close()
    },
  }
}

const SIGNAL_MASK = 0x7f

/** From the status that the shim wrote; its time is the file's. */
function endingOf(record: RunRecord, paths: ContainerPaths): Ending {
  const { id, startedAt } = record
  const path = paths.status(record.attempt)
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat || stat.size < 4) {
    const message = 'The container could not be located when the pod was terminated'
    const finishedAt = new Date().toISOString()
    return { id, exitCode: 128 + SIGNALS.KILL, reason: 'ContainerStatusUnknown', message, startedAt, finishedAt }
  }
  const status = readFileSync(path).readUInt32LE(0)
  const signal = status & SIGNAL_MASK
  const exitCode = signal === 0 ? (status >> 8) & 0xff : 128 + signal
  const reason = exitCode === 0 ? 'Completed' : 'Error'
  const finishedAt = stat.mtime.toISOString()
  return { id, exitCode, ...(signal !== 0 && { signal }), reason, startedAt, finishedAt }
}
