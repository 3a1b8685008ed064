import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { recordsOf } from '../../src/cni/plugin/delegate-record.ts'
import { callPlugin } from '../../src/cni/plugin/plugin.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { PluginNode } from './cni-plugin-world.ts'
import { Bundled, killBefore, noStrace, strace } from './strace.ts'

/** What changes records, cables, and takes turns; the other tests kill at the rest. */
const changing = 'mkdir rename unlink flock sendto sendmsg'.split(' ')

/** A node whose addresses another plugin gives: a script that remembers whom it gave one, as a folder each. */
class Victim extends PluginNode {
  readonly pod: Netns = createNetns()
  readonly #plugin: Bundled
  readonly plugins: string = join(this.dataDir, 'plugins')
  readonly given: string = join(this.dataDir, 'given')

  constructor(plugin: Bundled) {
    super()
    this.#plugin = plugin
    for (const folder of [this.plugins, this.given]) mkdirSync(folder)
    const script = join(this.plugins, 'theirs')
    const file = `${this.given}/$CNI_CONTAINERID-$CNI_IFNAME`
    writeFileSync(
      script,
      `#!/bin/sh
case $CNI_COMMAND in
  ADD) mkdir ${file} && echo '{"ips":[{"address":"10.40.0.7/24"}]}';;
  DEL) [ ! -d ${file} ] || rmdir ${file};;
esac
`,
    )
    chmodSync(script, 0o755)
  }

  #env(command: string): Record<string, string> {
    const netns = `/proc/${process.pid}/fd/${this.pod.fd}`
    return {
      PATH: process.env['PATH'] ?? '',
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'a',
      CNI_NETNS: netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: this.plugins,
    }
  }

  #stdin(): string {
    const own = { dataDir: join(this.dataDir, 'own'), ipam: { type: 'theirs' }, ipMasq: true }
    return JSON.stringify(this.config({ ...own, 'cni.dev/valid-attachments': [] }))
  }

  do(command: string): void {
    const { out, exitCode } = inNetns(this.ns, () => callPlugin(this.#env(command), () => this.#stdin()))
    assert.equal(exitCode, 0, `${command}: ${JSON.stringify(out)}`)
  }

  /** false: it came to its end before. */
  kill(command: string, call: string, nth: number): boolean {
    const { status, signal, stdout } = inNetns(this.ns, () =>
      spawnSync(...strace(...killBefore(call, nth), process.execPath, this.#plugin.path), {
        env: this.#env(command),
        input: this.#stdin(),
        encoding: 'utf8',
      }),
    )
    assert.ok(signal === 'SIGKILL' || status === 0, `${command}: ${status} ${stdout}`)
    return signal === 'SIGKILL'
  }

  assertNothingLeft(when: string): void {
    const tables = inNetns(this.ns, () => spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout)
    const records = recordsOf(join(this.dataDir, 'own'), 'pods')
    assert.deepEqual([readdirSync(this.given), records, this.veths(), tables], [[], [], 0, ''], when)
  }

  override [Symbol.dispose](): void {
    this.pod.close()
    super[Symbol.dispose]()
  }
}

test('killed at any step of ADD or DEL, we leave nothing with the plugin that gives the addresses that the DEL or GC after it does not take back', {
  skip: noStrace,
}, async () => {
  using plugin = await Bundled.of('src/cli/cni-main.ts')
  using victim = new Victim(plugin)
  let kills = 0
  for (const command of ['ADD', 'DEL'])
    for (const call of changing)
      for (let nth = 1; ; nth++) {
        if (command === 'DEL') victim.do('ADD')
        const killed = victim.kill(command, call, nth)
        victim.do(kills++ % 2 === 0 ? 'GC' : 'DEL')
        victim.assertNothingLeft(`${command} killed at ${call} number ${nth}`)
        if (!killed) break
      }
  assert.ok(kills > 3 * changing.length, `only ${kills}`)
})
