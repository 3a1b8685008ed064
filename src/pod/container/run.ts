import { randomBytes } from 'node:crypto'
import { closeSync, constants, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { messageOf } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Group } from '../../kernel/cgroup/groups.ts'
import { launch, type Launched } from '../../kernel/launch/launch.ts'
import { shareFile } from '../../kernel/share.ts'
import { openProcess, type Process, SIGNALS } from '../../kernel/process.ts'
import type { Becoming } from './become.ts'
import { type Bounds, containerProgram, letGo, type ProcessesSeen } from './program.ts'
import { type Attachment, attach } from './attach.ts'
import { PipeInput } from './input.ts'
import {
  inputOf,
  makePipes,
  markOf,
  ofTerminal,
  type Outputs,
  pipesOf,
  type Stdio,
  type StreamsWish,
  terminalHeldBy,
  writerFor,
} from './run-streams.ts'
import { TerminalOutput } from './terminal-stream.ts'
import type { LogWriter } from '../log/writer.ts'
import { Members } from '../namespaces.ts'
import type { ContainerPaths } from '../paths.ts'
import type { Ending, RunOrigin, RunRecord } from '../record.ts'
import type { RootInput } from '../root/root.ts'

/** One instance of a container. */
export interface ContainerRun {
  readonly record: RunRecord
  readonly log: LogWriter
  /** The container's first process; undefined when it has ended. */
  readonly init: Process | undefined
  /** Fulfilled when it has ended and its output is written. */
  readonly ended: Promise<Ending>
  /** Its standard streams from now on, for one client. */
  attach(stdin: boolean): Attachment
  /** False when it has ended already. */
  signal(number: number): boolean
  /** Lets go of it; it goes on. */
  detach(): void
}

export interface RunInput {
  title: string
  image: string
  from: RunOrigin | undefined
  attempt: number
  paths: ContainerPaths
  logPath: string
  what: Becoming
  root: RootInput
  streams: StreamsWish
  /** Whose processes it sees. */
  processes: ProcessesSeen
  /** With processes of a `target`: one of them. */
  target?: Process | undefined
  group: Group | undefined
  bounds: Omit<Bounds, 'groups'>
  pause: Process
  /** The file that is shared while a container of the node starts; see {@link endStrays}. */
  starting: string
  log: Log
}

/** Starts an instance. Rejects with a KernelError that names the step that the kernel refused; nothing is left then. */
export async function startRun(input: RunInput): Promise<ContainerRun> {
  const { paths, attempt } = input
  mkdirSync(paths.root, { recursive: true, mode: 0o700 })
  writeFileSync(paths.terminationLog, '', { mode: 0o666 })
  rmSync(paths.status(attempt), { force: true })
  const { streams } = input
  rmSync(markOf(paths, attempt), { force: true })
  const { stdio, shimFds, close } = streams.tty ? ofTerminal : makePipes(paths, streams.stdin)
  try {
    const started = startShim(input, stdio, shimFds)
    // The pipes are read from the first moment on; a terminal is when there is one.
    const early = streams.tty ? undefined : pipesOf(paths)
    const { child, reported, said } = await started.catch((error: unknown) => {
      for (const output of Object.values(early ?? {})) output.destroy()
      throw error
    })
    child.unref()
    const shim = child.pid === undefined ? undefined : openProcess(child.pid)
    const init = reported === undefined ? undefined : openProcess(reported)
    const record: RunRecord = {
      id: randomBytes(32).toString('hex'),
      attempt,
      shim: { pid: child.pid ?? 0, started: shim?.started ?? '' },
      ...(init && { init: { pid: init.pid, started: init.started } }),
      ...(said !== undefined && { mounts: said }),
      startedAt: new Date().toISOString(),
      image: input.image,
      ...(input.from && { from: input.from }),
    }
    try {
      const { group, logPath, log } = input
      const run = runOf({ record, paths, shim, init, streams, group, early, logPath, log })
      run.log.keepBeginning()
      return run
    } catch (error) {
      // Nobody could read what it prints (no descriptors, a full disk).
      for (const process of [init, shim]) process?.signal(SIGNALS.KILL)
      throw error
    }
  } finally {
    close()
  }
}

/** The child has the file of what is starting from its first moment, and lets go of it itself: this agent may be dead by then. */
function startShim(
  { title, what, root, paths, attempt, processes, target, group, bounds, pause, starting, streams }: RunInput,
  stdio: Stdio,
  shimFds: number[],
): Promise<Launched> {
  const shared = shareFile(starting)
  const entrances: number[] = []
  const input = streams.tty ? 'terminal' : streams.stdin ? 'pipe' : 'none'
  const withTerm = streams.tty ? { ...what, env: new Map([['TERM', 'xterm'], ...what.env]) } : what
  try {
    for (const path of group?.entrances ?? []) entrances.push(openSync(path, constants.O_WRONLY))
    const status = paths.status(attempt)
    const all = { ...bounds, groups: entrances.length }
    return launch(containerProgram({ what: withTerm, root, status, input, processes, bounds: all }), {
      title: `kubehop shim ${title}`,
      stdio,
      fds: [pause.fd, shared, ...shimFds, ...(processes === 'target' && target ? [target.fd] : []), ...entrances],
    })
  } finally {
    for (const fd of [shared, ...entrances]) closeSync(fd)
  }
}

/** An instance that another agent started. When it has ended meanwhile, `ended` tells how. */
export function adoptRun(
  record: RunRecord,
  paths: ContainerPaths,
  { streams, group }: Pick<RunInput, 'streams' | 'group'>,
  logPath: string,
  log: Log,
): ContainerRun {
  const shim = openProcess(record.shim.pid, record.shim.started)
  const init = record.init && openProcess(record.init.pid, record.init.started)
  return runOf({ record, paths, shim, init, streams, group, early: undefined, logPath, log })
}

interface RunParts {
  record: RunRecord
  paths: ContainerPaths
  shim: Process | undefined
  init: Process | undefined
  streams: StreamsWish
  group: Group | undefined
  /** Its outputs, when they are read already. */
  early: Outputs | undefined
  logPath: string
  log: Log
}

function runOf({ record, paths, shim, init, streams, group, early, logPath, log }: RunParts): ContainerRun {
  let held = true
  const terminal = streams.tty ? terminalHeldBy(shim) : undefined
  const outputs = terminal ? { stdout: new TerminalOutput(terminal) } : (early ?? (streams.tty ? {} : pipesOf(paths)))
  const writer = writerFor(logPath, outputs, log)
  const input = new PipeInput(streams, inputOf(paths), markOf(paths, record.attempt), () => (held ? shim : undefined))
  input.adopted()
  const members = init && record.mounts !== undefined ? Members.of(init, record.mounts) : undefined
  const end = async (): Promise<Ending> => {
    await init?.ended
    await endRest(group, members, log)
    // What it printed last is read from here on.
    shim?.signal(letGo)
    await shim?.ended
    await writer.allWritten(record.mounts !== undefined)
    held = false
    input.close()
    shim?.close()
    init?.close()
    return endingOf(record, paths, await leave(group, log))
  }
  const ended = end()
  return {
    record,
    log: writer,
    get init() {
      return held ? init : undefined
    },
    ended,
    attach: (stdin) => attach({ writer, terminal, input: stdin && streams.stdin ? input : undefined }),
    // The container's first process, not the shim: it must be there to tell how the container ended.
    signal: (number) => held && (init?.signal(number) ?? false),
    detach() {
      if (!held) return
      held = false
      writer.detach()
      input.close()
      members?.close()
      shim?.close()
      init?.close()
    },
  }
}

/** Ends what the first process of an instance left behind. */
async function endRest(group: Group | undefined, members: Members | undefined, log: Log): Promise<void> {
  try {
    // First the group: it lets nobody start another.
    group?.kill()
    await members?.kill()
  } catch (error) {
    log.error({ error: messageOf(error) }, 'what a container left behind cannot be ended')
  } finally {
    members?.close()
  }
}

const SIGNAL_MASK = 0x7f

/** Removes the group of an instance that has ended. Tells whether it ended for want of memory. */
async function leave(group: Group | undefined, log: Log): Promise<boolean> {
  if (!group) return false
  const starved = group.oomKills() > 0
  await group.remove().catch((error: unknown) => log.error({ error: messageOf(error) }, 'a control group stays'))
  return starved
}

/** From the status that the shim wrote; its time is the file's. */
function endingOf(record: RunRecord, paths: ContainerPaths, starved: boolean): Ending {
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
  // A shell passes on that its command was killed.
  const killed = exitCode === 128 + SIGNALS.KILL
  const reason = exitCode === 0 ? 'Completed' : starved && killed ? 'OOMKilled' : 'Error'
  const finishedAt = stat.mtime.toISOString()
  return { id, exitCode, ...(signal !== 0 && { signal }), reason, startedAt, finishedAt }
}
