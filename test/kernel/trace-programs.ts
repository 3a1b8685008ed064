import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'

/** Real processes in network namespaces. */
export class Programs {
  readonly #all: ChildProcess[] = []

  /** Resolves when it says its first word. */
  async start(ns: Netns, script: string): Promise<ChildProcess> {
    const child = inNetns(ns, () => spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] }))
    this.#all.push(child)
    await once(child.stdout ?? child, 'data')
    return child
  }

  async end(): Promise<void> {
    const ends = this.#all
      .filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      .map((child) => once(child, 'exit'))
    for (const child of this.#all) child.kill('SIGKILL')
    await Promise.all(ends)
  }
}
