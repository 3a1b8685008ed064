import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, existsSync, mkdtempSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { nativeProgram } from '../../src/cni/install/program.ts'
import { deleteCut } from '../../src/cni/reaper.ts'
import { inNetns, type Netns } from '../../src/kernel/netns.ts'
import { pluginIn, PluginNode } from './cni-plugin-world.ts'

/** A node whose plugin is the launcher, with an agent of its own. */
export class AgentNode extends PluginNode {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'cni-agent-'))
  readonly socketPath: string = join(this.folder, 'agent.sock')
  readonly launcher: string = join(this.folder, 'kubehop')
  readonly #main: string
  readonly #heard: number[] = []
  agent: ChildProcess

  /** Without a product: a launcher that has nothing to fall back to, so that nobody but the agent can have answered. `main` is what the agent runs. */
  constructor({ fallback = false, main = resolve('src/cli/main.ts') }: { fallback?: boolean; main?: string } = {}) {
    super()
    this.#main = main
    const product = { node: process.execPath, script: fallback ? main : '/nowhere/main.ts', args: ['cni'] }
    writeFileSync(this.launcher, nativeProgram(product, this.socketPath), { mode: 0o755 })
    this.agent = this.startAgent()
    this.call = this.plugin()
  }

  /** Starts an agent, and returns when it answers. */
  startAgent(env: NodeJS.ProcessEnv = {}): ChildProcess {
    // Its first line is waited for without an event loop: whoever makes a node need not be asynchronous.
    const fifo = join(this.folder, 'log')
    spawnSync('mkfifo', [fifo])
    const both = openSync(fifo, constants.O_RDWR)
    const log = openSync(fifo, constants.O_WRONLY)
    // Kept: an agent cannot log to nobody.
    const heard = openSync(fifo, constants.O_RDONLY)
    this.#heard.push(heard)
    closeSync(both)
    const child = inNetns(this.ns, () =>
      spawn(process.execPath, [this.#main, 'cni', 'agent', '--socket', this.socketPath, '--data-dir', this.dataDir], {
        env: { PATH: process.env['PATH'], ...env },
        stdio: ['ignore', 'inherit', log],
      }),
    )
    closeSync(log)
    rmSync(fifo)
    let said = ''
    const buffer = Buffer.alloc(4096)
    while (!said.includes('"answers"')) {
      said += buffer.toString('utf8', 0, readSync(heard, buffer))
      if (!said.includes('kubehop cni: ')) continue
      child.kill('SIGKILL')
      assert.fail(said)
    }
    return child
  }

  /** The launcher, as a runtime starts it: on this node unless `ns` says otherwise. */
  plugin(ns: Netns = this.ns): typeof this.call {
    return pluginIn(ns, [this.launcher])
  }

  /** The same without waiting for its end. */
  start(
    command: string,
    id: string,
    netns: Netns,
    config: object = this.config(),
    stdio: StdioOptions = ['pipe', 'pipe', 'inherit'],
    more: NodeJS.ProcessEnv = {},
  ): ChildProcess {
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: id,
      CNI_NETNS: `/proc/${process.pid}/fd/${netns.fd}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
      PATH: process.env['PATH'],
      ...more,
    }
    const child = inNetns(this.ns, () => spawn(this.launcher, [], { env, stdio }))
    // It may be killed before it has read everything.
    child.stdin?.on('error', () => child.stdin?.destroy())
    child.stdin?.end(JSON.stringify(config))
    return child
  }

  /** Those that are connected to something: the kernel takes away later what was cut. */
  override veths(): number {
    deleteCut(this.socket)
    return super.veths()
  }

  /** How many requests the agent has answered, by its log; only when it has ended, and at most some hundred. */
  answered(): number {
    let log = ''
    const buffer = Buffer.alloc(1 << 17)
    for (const fd of this.#heard) log += buffer.toString('utf8', 0, readSync(fd, buffer))
    return log.split('"answered"').length - 1
  }

  /** As an operator does. */
  async stopAgent(): Promise<void> {
    this.agent.kill('SIGTERM')
    assert.deepEqual(await once(this.agent, 'exit'), [0, null])
    assert.equal(existsSync(this.socketPath), false)
  }

  async killAgent(): Promise<void> {
    this.agent.kill('SIGKILL')
    await once(this.agent, 'exit')
  }

  assertNothingLeft(when: string): void {
    const tables = inNetns(this.ns, () => spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout ?? '')
    assert.deepEqual([this.leases(), this.veths(), tables], [[], 0, ''], when)
  }

  override [Symbol.dispose](): void {
    this.agent.kill('SIGKILL')
    for (const fd of this.#heard) closeSync(fd)
    super[Symbol.dispose]()
    rmSync(this.folder, { recursive: true })
  }
}

/** What a plugin that was started with `start` said. */
export async function said(
  child: ChildProcess,
): Promise<{ code: number | null; signal: string | null; out: Record<string, unknown> }> {
  const [stdout, [code, signal]] = await Promise.all([
    child.stdout === null ? '' : text(child.stdout),
    once(child, 'exit') as Promise<[number | null, string | null]>,
  ])
  return { code, signal, out: stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>) }
}
