import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Netns } from '../../src/kernel/netns.ts'
import { pluginIn, PluginNode, pluginWithin, type Said } from './cni-plugin-world.ts'

export const ip = { address: '10.40.0.7/24', gateway: '10.40.0.1' }

/** A node with a folder of plugins, and the configuration of a network whose addresses one of them gives. */
export class DelegateNode extends PluginNode {
  override readonly call: PluginNode['call'] = pluginWithin(this.ns)
  readonly plugins: string = join(this.dataDir, 'plugins')
  readonly log: string = join(this.plugins, 'log')

  constructor() {
    super()
    mkdirSync(this.plugins)
  }

  /** A plugin `ours` as a shell script, that writes down how it was called, and does this. */
  script(body: string, mode = 0o755, shebang = '#!/bin/sh'): void {
    const file = join(this.plugins, 'ours')
    const note = `echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME" >> ${this.log}`
    writeFileSync(file, `${shebang}\n${note}\ninput=$(cat)\necho "$input" > ${this.log}.stdin\n${body}\n`)
    chmodSync(file, mode)
  }

  /** Answers ADD with this. */
  gives(result: object | string, rest = ':'): void {
    const file = join(this.plugins, 'result')
    writeFileSync(file, typeof result === 'string' ? result : JSON.stringify(result))
    this.script(`if [ "$CNI_COMMAND" = ADD ]; then cat ${file}; else ${rest}; fi`)
  }

  /** How it was called, since the last time. */
  calls(): string[] {
    const lines = existsSync(this.log) ? readFileSync(this.log, 'utf8').trim().split('\n') : []
    rmSync(this.log, { force: true })
    return lines
  }

  stdin(): Record<string, unknown> {
    return JSON.parse(readFileSync(`${this.log}.stdin`, 'utf8'))
  }

  override config(more: object = {}): Record<string, unknown> {
    return super.config({ dataDir: join(this.dataDir, 'own'), ipam: { type: 'ours', colour: 'blue' }, ...more })
  }

  /** The call in a process of its own. */
  spawn(command: string, id: string, netns: Netns, config: object = this.config()): Said {
    const pod = { CNI_CONTAINERID: id, CNI_NETNS: `/proc/${process.pid}/fd/${netns.fd}`, CNI_IFNAME: 'eth0' }
    return pluginIn(this.ns)({ CNI_COMMAND: command, ...pod, CNI_PATH: `/nowhere:${this.plugins}` }, config)
  }

  do(command: string, id: string, netns: Netns | string, config: object = this.config()): Said {
    return this.run(command, id, netns, config, { CNI_PATH: `/nowhere:${this.plugins}` })
  }

  /** Neither cable nor anything written down. */
  assertNothingLeft(): void {
    const folder = join(this.dataDir, 'own', 'pods', 'others')
    assert.deepEqual([this.veths(), existsSync(folder) ? readdirSync(folder) : []], [0, []])
  }
}
