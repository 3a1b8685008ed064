import { fork, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { pin } from '../harness/cores.ts'
import type { Order, Told } from './agent.ts'
import type { Answer, Command } from './api.ts'

/** A process that is told something and answers. */
export interface Helper<Question extends object, Reply> {
  readonly pid: number
  ask(question: Question): Promise<Reply>
  /** What it says unasked. */
  hear(): Promise<Reply>
  close(): void
}

export type Api = Helper<Command, Answer>
export type Agent = Helper<Order, Told>

/** `core`: the one it has to do with, all threads of it; undefined: any. */
export function startApi(services: number, each: number, core: number | undefined, ns?: Netns): Api {
  return start('api.ts', [String(services), String(each)], core, ns)
}

export function startAgent(core: number | undefined): Agent {
  return start('agent.ts', [], core, undefined, launcherOptions())
}

/** What the launcher gives node, for agents too: how much memory they take depends on it. */
function launcherOptions(): string[] {
  const [, options = ''] = /bin\/node" (.*) "\$here\/dist/.exec(readFileSync('kubehop', 'utf8')) ?? []
  return options.split(' ').filter(Boolean)
}

function start<Question extends object, Reply>(
  file: string,
  args: string[],
  core: number | undefined,
  ns?: Netns,
  execArgv: string[] = process.execArgv,
): Helper<Question, Reply> {
  const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc']
  const child = inNetns(ns, () => fork(join(import.meta.dirname, file), args, { stdio, execArgv }))
  const pid = child.pid ?? 0
  if (core !== undefined) pin(pid, core)
  async function hear(): Promise<Reply> {
    const ended = new AbortController()
    const died = (): void => ended.abort(new Error(`bench/services/${file} ended`))
    child.once('exit', died)
    try {
      return ((await once(child, 'message', { signal: ended.signal })) as [Reply])[0]
    } finally {
      child.off('exit', died)
    }
  }
  return {
    pid,
    hear,
    ask(question) {
      const answer = hear()
      child.send(question)
      return answer
    },
    close: () => void child.kill('SIGKILL'),
  }
}

/** In a fresh network namespace nothing can be reached, not even oneself. */
export function loopbackUp(ns?: Netns): void {
  using socket = openRouteSocket(ns)
  socket.apply(setLink('lo', { up: true }))
}

/** Bytes that a process takes. */
export interface Memory {
  /** Shared pages are divided among those who share them. */
  readonly pss: number
  readonly rss: number
  /** The largest that `rss` has been so far. */
  readonly peak: number
}

export function memoryOf(pid: number): Memory {
  const kilobytes = (file: string, name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'latin1'))
    return Number(found?.[1] ?? Number.NaN) * 1024
  }
  return {
    pss: kilobytes('smaps_rollup', 'Pss'),
    rss: kilobytes('smaps_rollup', 'Rss'),
    peak: kilobytes('status', 'VmHWM'),
  }
}
