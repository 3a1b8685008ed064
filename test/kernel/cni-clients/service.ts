import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { environment } from './machine.ts'

/** A program of the machine that runs until it is told to end. */
export class Service {
  readonly #program: string
  readonly #args: readonly string[]
  readonly #ready: string
  #process: ChildProcess | undefined

  /** `ready`: of the line of its log that says that it answers. */
  constructor(program: string, args: readonly string[], ready: string) {
    this.#program = program
    this.#args = args
    this.#ready = ready
  }

  /** Resolves when it answers. Fine when it runs. */
  async start(): Promise<void> {
    if (this.#process !== undefined) return
    const child = spawn(this.#program, this.#args, { env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#process = child
    child.on('exit', () => {
      if (this.#process === child) this.#process = undefined
    })
    const said: string[] = []
    const answers = Promise.withResolvers<void>()
    child.on('error', answers.reject)
    createInterface(child.stderr)
      .on('line', (line) => {
        said.push(line)
        if (line.includes(this.#ready)) answers.resolve()
      })
      .on('close', () => answers.reject(new Error(`${this.#program} ended:\n${said.join('\n')}`)))
    await answers.promise
  }

  /** Resolves when it has ended. Fine when it does not run. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process
    if (child === undefined) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}
