import { spawnSync } from 'node:child_process'
import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callPlugin } from '../../src/cni/plugin/plugin.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { openRouteSocket, type RouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { Bundled } from './strace.ts'

/** What the plugin answered. */
export interface Said {
  exitCode: number | null
  stdout: string
  stderr: string
  /** stdout, parsed; empty when there was none. */
  out: Record<string, unknown>
}

/** It fails with this code, and the message has these words. */
export function refused(said: Said, code: number, ...words: string[]): void {
  assert.equal(said.exitCode, 1, said.stderr)
  assert.equal(said.out['code'], code, said.stdout)
  for (const word of words) assert.ok(String(said.out['msg']).includes(word), `${said.stdout} does not say ${word}`)
}

/** Until this process ends. */
async function bundled(): Promise<Bundled> {
  const plugin = await Bundled.of('src/cli/cni-main.ts')
  process.once('exit', () => plugin[Symbol.dispose]())
  return plugin
}

type Plugin = (env: NodeJS.ProcessEnv, stdin: object | string) => Said

/** What is tested: the plugin itself, or the launcher of an agent that answers for it (cni-agent-table.test.ts). */
const usual = process.env['KUBEHOP_TEST_LAUNCHER']?.split(' ') ?? [process.execPath, (await bundled()).path]

/** The plugin as a runtime starts it, on the node whose namespace this is. `a folder` for stdin: what nobody can read. */
export function pluginIn(ns?: Netns, [program, ...args]: readonly string[] = usual): Plugin {
  return (env, stdin) => {
    const folder = stdin === 'a folder' ? openSync('/', 'r') : undefined
    const child = inNetns(ns, () =>
      spawnSync(program ?? '', args, {
        env: { PATH: process.env['PATH'], ...env },
        encoding: 'utf8',
        ...(folder === undefined
          ? { input: typeof stdin === 'string' ? stdin : JSON.stringify(stdin) }
          : { stdio: [folder, 'pipe', 'pipe'] }),
      }),
    )
    if (folder !== undefined) closeSync(folder)
    const { status, stdout, stderr } = child
    return { exitCode: status, stdout, stderr, out: stdout === '' ? {} : JSON.parse(stdout) }
  }
}

/** The same without a process of its own, for tests of many calls. */
export function pluginWithin(ns: Netns): Plugin {
  return (env, stdin) => {
    const text = typeof stdin === 'string' ? stdin : JSON.stringify(stdin)
    const { out, exitCode } = inNetns(ns, () => callPlugin({ PATH: process.env['PATH'], ...env }, () => text))
    return { exitCode, stdout: out === undefined ? '' : JSON.stringify(out), stderr: '', out: out ?? {} }
  }
}

/** A node with a folder for the given addresses; both gone afterwards. */
export class PluginNode implements Disposable {
  readonly ns: Netns = createNetns()
  readonly socket: RouteSocket = openRouteSocket(this.ns)
  readonly dataDir: string = mkdtempSync(join(tmpdir(), 'cni-plugin-'))
  call: Plugin = pluginIn(this.ns)

  config(more: object = {}): Record<string, unknown> {
    const ipam = { type: 'host-local', subnet: '10.22.0.0/24' }
    return {
      cniVersion: '1.1.0',
      name: 'pods',
      type: 'kubehop',
      dataDir: this.dataDir,
      isDefaultGateway: true,
      ipam,
      ...more,
    }
  }

  /** `id` is the container's, and eth0 its interface, unless the environment says otherwise. */
  run(
    command: string,
    id: string,
    netns: Netns | string,
    config: object = this.config(),
    env: NodeJS.ProcessEnv = {},
  ): Said {
    const said = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: id,
      CNI_NETNS: typeof netns === 'string' ? netns : `/proc/${process.pid}/fd/${netns.fd}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: '/opt/cni/bin',
    }
    return this.call({ ...said, ...env }, config)
  }

  /** ADD that must succeed: the address it gave. */
  add(id: string, netns: Netns, config?: object, env?: NodeJS.ProcessEnv): string {
    return addressOf(this.run('ADD', id, netns, config, env))
  }

  /** DEL that must succeed. */
  del(id: string, netns: Netns | string, config?: object, env?: NodeJS.ProcessEnv): void {
    const said = this.run('DEL', id, netns, config, env)
    assert.deepEqual([said.exitCode, said.stdout], [0, ''], said.stdout)
  }

  /** All that is written down, of every network. */
  leases(network = 'pods'): string[] {
    const folder = join(this.dataDir, network)
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .flatMap((range) => readdirSync(join(folder, range)))
      .filter((name) => name !== 'last')
      .toSorted()
  }

  veths(): number {
    return this.socket.links().filter((link) => link.kind === 'veth').length
  }

  [Symbol.dispose](): void {
    this.socket.close()
    this.ns.close()
    rmSync(this.dataDir, { recursive: true })
  }
}

export function addressOf(said: Said): string {
  assert.equal(said.exitCode, 0, said.stdout + said.stderr)
  const [ip] = said.out['ips'] as { address: string }[]
  return ip?.address ?? assert.fail('a result without an address')
}
