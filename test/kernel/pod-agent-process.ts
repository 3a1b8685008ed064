import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'

/** An agent in a process of its own, with its state in `dir`: the next one goes on with it. */
export class Agent {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: unknown) => void }>()
  #next = 1

  private constructor(child: ChildProcess) {
    this.#child = child
    child.on('message', ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
      const waiting = this.#waiting.get(id)
      if (error === undefined) waiting?.resolve(value)
      else waiting?.reject(new Error(error))
    })
  }

  static start(dir: string, ...wishes: 'ungrouped'[]): Promise<Agent> {
    const child = fork(join(import.meta.dirname, 'pod-agent.ts'), [dir, ...wishes], { execArgv: [] })
    return new Promise((resolve, reject) => {
      child.once('message', () => resolve(new Agent(child)))
      child.once('exit', (code) => reject(new Error(`the agent ended with ${code}`)))
    })
  }

  ask<T>(verb: string, ...args: unknown[]): Promise<T> {
    const id = this.#next++
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.#child.send({ id, verb, args })
    })
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const gone = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill(signal)
    await gone
  }
}
