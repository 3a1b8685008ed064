import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { packageRoot } from '../lab/package.ts'

/** A lab that lives no longer than this process: `kubehop up --hold` removes it when its standard input ends, also when we are killed. */
export interface Held {
  /** What `kubehop up --json` said. */
  readonly lab: HeldLab
  /** Ends the lab; resolves when nothing is left of it. */
  release(): Promise<void>
}

export interface HeldLab {
  readonly name: string
  /** A file's path. */
  readonly kubeconfig: string
  readonly nodes: readonly { readonly name: string; readonly address: string; readonly podCidr: string }[]
  readonly ready: boolean
  /** What was not ready when the time was over, a line each. */
  readonly waiting: readonly string[]
  readonly stuck: readonly string[]
}

/** @throws Error with what the command said, when the lab could not be started. Then nothing is left of it. */
export async function holdLab(args: readonly string[], env: Record<string, string>): Promise<Held> {
  const child = spawn(join(packageRoot(), 'kubehop'), ['up', '--hold', '--json', ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const said: string[] = []
  const ended = once(child, 'close').then(([code]) => code as number | null)
  createInterface({ input: child.stderr }).on('line', (line) => said.push(line))
  const answer = await Promise.race([firstJson(child.stdout), ended.then(() => undefined)])
  if (answer === undefined) {
    const code = await ended
    throw new Error(`kubehop up ended with ${code}: ${said.filter((line) => line.trim() !== '').join('\n')}`)
  }
  keep(child, 'unref')
  return {
    lab: answer,
    async release() {
      // Whoever waits for the end has a reason to go on; a program with nothing else to do would end first (exit code 13).
      keep(child, 'ref')
      child.stdin.end()
      const code = await ended
      if (code !== 0) throw new Error(`the lab ${answer.name} could not be removed: ${said.slice(-5).join('\n')}`)
    },
  }
}

/** The object that the command prints when the lab is up; undefined when it ends without one. */
async function firstJson(out: Readable): Promise<HeldLab | undefined> {
  let text = ''
  for await (const chunk of out) {
    text += String(chunk)
    // It is printed over several lines, and the last is the brace alone.
    if (text.endsWith('\n}\n')) return JSON.parse(text) as HeldLab
  }
  return undefined
}

/** A process that only waits for its lab to be released is no reason for a test run to go on. */
function keep(child: ChildProcessByStdio<Writable, Readable, Readable>, how: 'ref' | 'unref'): void {
  child[how]()
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as { ref?(): void; unref?(): void })[how]?.()
}
