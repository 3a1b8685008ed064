import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { closeSync, copyFileSync, openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { address, formatCidr } from '../base/address.ts'
import { KubehopError, messageOf } from '../base/errors.ts'
import { findPlace, type Place } from '../kernel/cgroup/groups.ts'
import { launch, reportPid } from '../kernel/launch/launch.ts'
import { Program, cell, strings } from '../kernel/launch/program.ts'
import { reportFd } from '../kernel/launch/stub.ts'
import { CLONE_NEWPID, F_SETFD, FD_CLOEXEC, PR_SET_PDEATHSIG, SIGKILL } from '../kernel/launch/syscalls.ts'
import { KernelError } from '../kernel/libc.ts'
import { type ProcessRecord, startedAt } from '../kernel/process.ts'
import { listenTcp, localPort } from '../kernel/socket.ts'
import {
  alone,
  dnsConfigIn,
  folderOf,
  isRunning,
  type LabRecord,
  logOf,
  makeFolder,
  noteIn,
  readRecord,
  removeFolder,
  starterOf,
  writeRecord,
} from './folder.ts'
import type { GroupsPlace } from '../pod/resources/groups.ts'
import type { LabPlace } from '../trace/cluster/cluster.ts'
import { endedByAnother, endOfLog } from './ended.ts'
import { isolate, ownProc, self } from './isolate.ts'
import { explainRefusal, needNamespaces, needSpace } from './needs.ts'
import { nodeDnsAddress, type Settings } from './settings.ts'
import { endLab } from './stop.ts'

/** What the supervisor says while it starts, one JSON line each on descriptor 5. */
export type Progress = { stage: 'step'; say: string } | { stage: 'ready' } | { stage: 'failed'; say: string }

export type SupervisorConfig = Settings & LabPlace & { groups: GroupsPlace }

/** The supervisor's inherited descriptors. */
export const progressFd = 5
export const listenerFd = 6

/**
 * Starts a lab in the background and resolves when its API answers. On any failure nothing is left: no process, no namespace, no file.
 * @throws KubehopError `Running` when a lab of this name runs; `PortTaken`; `StartFailed` with the end of the lab's log.
 */
export async function startLab(settings: Settings, onProgress: (say: string) => void): Promise<LabRecord> {
  const note = await claim(settings.name)
  let started: Started | undefined
  try {
    needNamespaces(self().uid)
    needSpace(folderOf(settings.name))
    const listener = hostListener(settings.apiPort)
    try {
      started = await launchSupervisor(settings, listener, findPlace(groupsOf(settings.name)))
    } finally {
      closeSync(listener.fd)
    }
    const record = recordOf(settings, started, listener.port)
    writeRecord(record)
    await followProgress(settings.name, started.progress, onProgress)
    return record
  } catch (error) {
    const known =
      error instanceof KubehopError
        ? error
        : new KubehopError('lab', 'start', 'StartFailed', messageOf(error), { cause: error })
    const taken = noteIn(settings.name) !== note
    if (started) await endLab(started)
    removeFolder(settings.name, note)
    if (taken) throw endedByAnother(settings.name)
    throw explainRefusal(known)
  }
}

interface Started {
  groups: Place
  outside: ProcessRecord
  init: ProcessRecord
  progress: Readable
}

/** Labs of one name can be in several state folders. */
function groupsOf(name: string): string {
  const digest = createHash('sha256').update(folderOf(name)).digest('hex').slice(0, 8)
  return `${name}-${digest}`
}

/** The API's door on this machine, opened before anything else: a port that is taken stops the start. */
function hostListener(port: number): { fd: number; port: number } {
  try {
    const fd = listenTcp(undefined, address('127.0.0.1'), port)
    return { fd, port: localPort(fd) }
  } catch (error) {
    if (!(error instanceof KernelError)) throw error
    const say =
      error.code === 'EADDRINUSE'
        ? `port ${port} of 127.0.0.1 is taken by another program: choose another with --api-port, or leave it out`
        : error.code === 'EACCES'
          ? `this user may not listen on port ${port}: choose one from 1024 up with --api-port`
          : error.message
    throw new KubehopError('lab', 'start', 'PortTaken', say, { cause: error })
  }
}

/** Takes the name: two starts at once get it one after the other. What is left of a lab that died (kill -9, a reboot) is cleared away first. */
async function claim(name: string): Promise<string> {
  const { note, dead } = alone(() => {
    const record = readRecord(name)
    if (record && isRunning(record)) {
      throw new KubehopError(
        'lab',
        'start',
        'Running',
        `lab "${name}" is running already: use it, end it with \`kubehop down ${name}\`, or choose another name`,
      )
    }
    if (starterOf(name) !== undefined)
      throw new KubehopError('lab', 'start', 'Running', `lab "${name}" is being started by another command`)
    return { note: makeFolder(name), dead: record }
  })
  if (dead) await endLab(dead)
  return note
}

async function launchSupervisor(
  settings: Settings,
  listener: { fd: number; port: number },
  groups: GroupsPlace,
): Promise<Started> {
  const folder = folderOf(settings.name)
  const log = openSync(logOf(settings.name), 'a', 0o600)
  try {
    if (settings.dnsConfig !== undefined) copyFileSync(settings.dnsConfig, dnsConfigIn(folder))
    const config: SupervisorConfig = {
      ...settings,
      folder,
      userNamespace: self().uid !== 0,
      groups,
      apiPort: listener.port,
    }
    const { child, reported } = await launch(supervisorProgram(JSON.stringify(config)), {
      title: `kubehop lab ${settings.name}`,
      stdio: ['ignore', log, log],
      fds: ['pipe', listener.fd],
    })
    child.unref()
    const progress = (child.stdio as readonly unknown[])[progressFd] as Readable
    const [outside, init] = [held(settings.name, child.pid), held(settings.name, reported)]
    return { outside, init, progress, groups: groups.place }
  } finally {
    closeSync(log)
  }
}

function held(name: string, pid: number | undefined): ProcessRecord {
  const started = pid === undefined ? undefined : startedAt(pid)
  if (pid === undefined || started === undefined) {
    throw new KubehopError('lab', 'start', 'StartFailed', `the lab ended at once; its log:\n${endOfLog(name)}`)
  }
  return { pid, started }
}

/** Outside: a stub that stands for the lab. Inside: the first process, which reaps, and its child, the supervisor. */
function supervisorProgram(config: string): Program {
  const program = new Program()
  const everything = 0xffff_ffff
  const init = reportPid()
  const initPid = cell(init, 4)
  isolate(program, self())
  program.fork('make a PID namespace', CLONE_NEWPID, initPid, (outside) => {
    outside.call('report the first process', 'write', reportFd, init, init.length)
    outside.call('close descriptors', 'close_range', 3, everything, 0)
    outside.call('exit', 'exit_group', outside.wait('wait for the lab', initPid, cell()))
  })
  program.call('end with the process outside', 'prctl', PR_SET_PDEATHSIG, SIGKILL)
  ownProc(program)
  const supervisor = cell()
  program.fork('start the supervisor', 0, supervisor, (first) => {
    first.call('close descriptors', 'close_range', 3, everything, 0)
    first.call('exit', 'exit_group', first.wait('wait for the supervisor', supervisor, cell()))
  })
  program.call('close the launch image', 'close', 3)
  const args = [process.execPath, ...process.execArgv, process.argv[1] ?? '', 'supervise', config]
  const variables = Object.entries(process.env).map(([key, value]) => `${key}=${value ?? ''}`)
  program.call('close the report when node starts', 'fcntl', reportFd, F_SETFD, FD_CLOEXEC)
  program.call('start node', 'execve', process.execPath, strings(args), strings(variables))
  return program
}

function recordOf(settings: Settings, { outside, init, groups }: Started, apiPort: number): LabRecord {
  return {
    name: settings.name,
    outside,
    init,
    groups,
    nodes: settings.nodes,
    podCidr: formatCidr(settings.podCidr),
    serviceCidr: formatCidr(settings.serviceCidr),
    nodeCidr: formatCidr(settings.nodeCidr),
    apiPort,
    ...(settings.nodeDns && { nodeDns: nodeDnsAddress }),
    created: new Date().toISOString(),
  }
}

async function followProgress(name: string, progress: Readable, onProgress: (say: string) => void): Promise<void> {
  const lines = createInterface({ input: progress })
  for await (const line of lines) {
    const message = JSON.parse(line) as Progress
    if (message.stage === 'step') onProgress(message.say)
    else if (message.stage === 'failed') throw new KubehopError('lab', 'start', 'StartFailed', message.say)
    else {
      progress.destroy()
      await once(progress, 'close')
      return
    }
  }
  throw new KubehopError(
    'lab',
    'start',
    'StartFailed',
    `the lab's supervisor ended while it started; its log:\n${endOfLog(name)}`,
  )
}
