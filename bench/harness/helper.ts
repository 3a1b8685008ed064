import { fork, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import { pin } from './cores.ts'

/** A process that is told something and answers. */
export interface Helper<Question extends object, Reply> {
  readonly pid: number
  ask(question: Question): Promise<Reply>
  /** What it says unasked. */
  hear(): Promise<Reply>
  close(): void
}

export interface Start {
  /** The file's own path (`import.meta.dirname`, and its name). */
  readonly file: string
  readonly args?: readonly string[]
  /** The core it has to do with, all threads of it; undefined: any. */
  readonly core?: number | undefined
  readonly ns?: Netns | undefined
  /** Options of Node; left out: this process's own. */
  readonly execArgv?: string[]
}

export function startHelper<Question extends object, Reply>(options: Start): Helper<Question, Reply> {
  const { file, args = [], core, ns, execArgv = process.execArgv } = options
  const stdio: StdioOptions = ['ignore', 'inherit', 'inherit', 'ipc']
  const child = inNetns(ns, () => fork(file, args, { stdio, execArgv }))
  const pid = child.pid ?? 0
  if (core !== undefined) pin(pid, core)
  async function hear(): Promise<Reply> {
    const ended = new AbortController()
    const died = (): void => ended.abort(new Error(`${relative('.', file)} ended`))
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

/** What the launcher gives node, for agents too: how much memory they take depends on it. */
export function launcherOptions(): string[] {
  const [, options = ''] = /bin\/node" (.*) "\$here\/dist/.exec(readFileSync('kubehop', 'utf8')) ?? []
  return options.split(' ').filter(Boolean)
}
