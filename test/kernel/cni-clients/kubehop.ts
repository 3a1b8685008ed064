import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { environment, must } from './machine.ts'

const main = resolve('src/cli/main.ts')

/** Installs the plugin on the machine with a network 10.22.0.0/24 of that name, as its owner does. */
export async function installPlugin(name: string): Promise<void> {
  await must(process.execPath, main, 'cni', 'install', '--name', name, '--subnet', '10.22.0.0/24')
}

/** The agent that does the plugin's work. */
export class Agent {
  #process: ChildProcess | undefined

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [main, 'cni', 'agent'], {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    this.#process = child
    const answers = Promise.withResolvers<void>()
    const said: string[] = []
    createInterface(child.stderr)
      .on('line', (line) => {
        said.push(line)
        if (line.includes('"answers"')) answers.resolve()
      })
      .on('close', () => answers.reject(new Error(`the agent ended:\n${said.join('\n')}`)))
    await answers.promise
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#process ?? assert.fail('no agent runs')
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}
