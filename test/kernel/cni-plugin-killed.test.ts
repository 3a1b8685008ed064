import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { callPlugin } from '../../src/cni/plugin/plugin.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { PluginNode } from './cni-plugin-world.ts'

/** Whatever the plugin changes, it changes by these. strace counts each for itself. */
const changing = 'sendto sendmsg flock setns write mkdir link unlink unlinkat rename'.split(' ')
const noStrace = spawnSync('strace', ['-V']).error === undefined ? false : 'there is no strace here'

/** A node whose plugin can be killed on the way, and asked without a process of its own. */
class Victim extends PluginNode {
  readonly pod: Netns = createNetns()
  readonly #config: object = this.config({
    ipMasq: true,
    macspoofchk: true,
    portIsolation: true,
    'cni.dev/valid-attachments': [],
    runtimeConfig: {
      portMappings: [
        { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
        { hostPort: 53, containerPort: 53, protocol: 'udp' },
      ],
      bandwidth: { ingressRate: 1e9, ingressBurst: 1e9, egressRate: 1e9, egressBurst: 1e9 },
    },
  })

  env(command: string): Record<string, string> {
    const netns = `/proc/${process.pid}/fd/${this.pod.fd}`
    return {
      CNI_COMMAND: command,
      CNI_CONTAINERID: 'a',
      CNI_NETNS: netns,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
    }
  }

  do(command: string): void {
    const { out, exitCode } = inNetns(this.ns, () => callPlugin(this.env(command), () => JSON.stringify(this.#config)))
    assert.equal(exitCode, 0, `${command}: ${JSON.stringify(out)}`)
  }

  /** Kills it before it makes this system call for the nth time. false: it came to its end before. */
  kill(command: string, call: string, nth: number): boolean {
    const inject = [
      '-f',
      '-qq',
      '-o',
      '/dev/null',
      '-e',
      `trace=${call}`,
      '-e',
      `inject=${call}:signal=KILL:when=${nth}`,
    ]
    const { status, signal, stdout } = inNetns(this.ns, () =>
      spawnSync('strace', [...inject, process.execPath, 'src/cli/main.ts', 'cni'], {
        env: { PATH: process.env['PATH'], ...this.env(command) },
        input: JSON.stringify(this.#config),
        encoding: 'utf8',
      }),
    )
    assert.ok(signal === 'SIGKILL' || status === 0, `${command}: ${status} ${stdout}`)
    return signal === 'SIGKILL'
  }

  links(): string[] {
    return this.socket.links().flatMap(({ kind, name }) => (kind === 'veth' || kind === 'ifb' ? [name] : []))
  }

  assertNothingLeft(when: string): void {
    const tables = inNetns(this.ns, () => spawnSync('nft', ['list', 'tables'], { encoding: 'utf8' }).stdout ?? '')
    const bridge = this.socket.link('cbr0')
    const localnet = bridge === undefined ? '0' : readSysctl('net.ipv4.conf.cbr0.route_localnet', this.ns)
    assert.deepEqual([this.leases(), this.links(), tables, localnet], [[], [], '', '0'], when)
  }

  override [Symbol.dispose](): void {
    this.pod.close()
    super[Symbol.dispose]()
  }
}

test('killed before any system call of ADD that changes something, the plugin leaves nothing behind that DEL or GC does not find', {
  skip: noStrace,
}, () => {
  using victim = new Victim()
  let kills = 0
  for (const call of changing)
    for (let nth = 1; ; nth++) {
      const killed = victim.kill('ADD', call, nth)
      victim.do(kills++ % 2 === 0 ? 'DEL' : 'GC')
      victim.assertNothingLeft(`killed at ${call} number ${nth}`)
      if (!killed) break
    }
  assert.ok(kills > 2 * changing.length, `only ${kills}`)
})

test('killed before any system call of DEL that changes something, the plugin does the rest when it is asked again', {
  skip: noStrace,
}, () => {
  using victim = new Victim()
  let kills = 0
  for (const call of changing)
    for (let nth = 1; ; nth++) {
      victim.do('ADD')
      kills++
      if (!victim.kill('DEL', call, nth)) break
      victim.do('DEL')
      victim.assertNothingLeft(`killed at ${call} number ${nth}`)
    }
  victim.assertNothingLeft('at the end')
  assert.ok(kills > changing.length + 10, `only ${kills}`)
})
