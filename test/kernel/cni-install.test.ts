import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { createNetns } from '../../src/kernel/netns.ts'
import { pluginIn, PluginNode } from './cni-plugin-world.ts'

const source = resolve('src/cli/main.ts')

/** The two folders that a container runtime brings. */
class Machine implements Disposable {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'cni-install-'))
  readonly bin: string = join(this.folder, 'bin')
  readonly conf: string = join(this.folder, 'net.d')
  readonly plugin: string = join(this.bin, 'kubehop')
  main: string = source

  constructor() {
    mkdirSync(this.bin)
    mkdirSync(this.conf)
  }

  run(verb: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
    const folders = ['--bin-dir', this.bin, '--conf-dir', this.conf]
    return spawnSync(process.execPath, [this.main, 'cni', verb, ...folders, ...args], { encoding: 'utf8' })
  }

  install(...args: string[]): string[] {
    const { status, stdout, stderr } = this.run('install', '--socket', join(this.folder, 'agent.sock'), ...args)
    assert.equal(status, 0, stderr)
    return stdout.trim().split('\n')
  }

  network(name = 'kubehop'): Record<string, unknown> {
    return JSON.parse(readFileSync(join(this.conf, `10-${name}.conflist`), 'utf8')) as Record<string, unknown>
  }

  refused(pattern: RegExp, ...args: [string, ...string[]]): void {
    const { status, stderr } = this.run(...args)
    assert.notEqual(status, 0)
    assert.match(stderr, pattern)
  }

  /** Nothing else may be left: a runtime would read it. */
  files(): string[] {
    return [...readdirSync(this.bin), ...readdirSync(this.conf)].sort()
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }
}

test('install writes the plugin and a network that works with it; uninstall removes both', () => {
  using machine = new Machine()
  using node = new PluginNode()
  using a = createNetns()
  const conflist = join(machine.conf, '10-kubehop.conflist')
  assert.deepEqual(machine.install('--subnet', '10.33.0.0/24'), [`${machine.plugin}: written`, `${conflist}: written`])
  assert.deepEqual([statSync(machine.plugin).mode & 0o777, statSync(conflist).mode & 0o777], [0o755, 0o644])
  const { cniVersion, name, plugins } = machine.network()
  assert.deepEqual([cniVersion, name], ['1.0.0', 'kubehop'])
  const [plugin] = plugins as [Record<string, unknown>]
  assert.deepEqual(plugin['capabilities'], { portMappings: true, bandwidth: true })
  node.call = pluginIn(node.ns, [machine.plugin])
  const config = { ...plugin, cniVersion, name, dataDir: node.dataDir }
  assert.equal(node.add('a', a, config), '10.33.0.2/24')
  node.del('a', a, config)
  assert.deepEqual(machine.run('uninstall').stdout.trim().split('\n'), [
    `${conflist}: removed`,
    `${machine.plugin}: removed`,
  ])
  assert.deepEqual(machine.files(), [])
  assert.equal(machine.run('uninstall').status, 0)
})

test('once more, it changes nothing; with other wishes, what it wrote itself is replaced', () => {
  using machine = new Machine()
  machine.install()
  const before = statSync(machine.plugin).ino
  assert.ok(machine.install().every((line) => line.endsWith(': as it was')))
  assert.equal(statSync(machine.plugin).ino, before)
  const lines = machine.install('--subnet', '10.44.0.0/16', '--cni-version', '1.1.0')
  assert.deepEqual(
    lines.map((line) => line.split(': ')[1]),
    ['as it was', 'written'],
  )
  assert.equal(machine.network()['cniVersion'], '1.1.0')
  machine.install('--name', 'second', '--bridge', 'br1')
  assert.equal((machine.network('second')['plugins'] as { bridge: string }[])[0]?.bridge, 'br1')
  assert.deepEqual(machine.files(), ['10-kubehop.conflist', '10-second.conflist', 'kubehop'])
})

test('what somebody changed, or made, stays as it is, and nothing is written beside it, unless --force says so', () => {
  using machine = new Machine()
  const conflist = join(machine.conf, '10-kubehop.conflist')
  machine.install()
  const text = readFileSync(conflist, 'utf8').replace('10.22.0.0/16', '10.99.0.0/16')
  writeFileSync(conflist, text)
  appendFileSync(machine.plugin, 'x')
  machine.refused(
    /^kubehop cni: write .*bin\/kubehop: it is not ours, or somebody changed it since: .*--force/,
    'install',
  )
  machine.refused(/^kubehop cni: remove .*10-kubehop.conflist: .*changed it since, so nothing was removed/, 'uninstall')
  assert.equal(readFileSync(conflist, 'utf8'), text)
  assert.ok(machine.install('--force').every((line) => line.endsWith(': written')))
  writeFileSync(conflist, '{}')
  rmSync(machine.plugin)
  machine.refused(/10-kubehop.conflist/, 'install')
  assert.ok(!existsSync(machine.plugin), 'checked before anything is written')
  assert.equal(machine.run('uninstall', '--force').status, 0)
  assert.deepEqual(machine.files(), [])
})

test('without an agent the plugin starts Node, wherever that is; when it was moved, it says so', () => {
  using machine = new Machine()
  const folder = join(machine.folder, `it's a "strange" $HOME`)
  mkdirSync(folder)
  machine.main = join(folder, 'kubehop.mjs')
  const version = (): ReturnType<typeof spawnSync> =>
    spawnSync(machine.plugin, [], { env: { CNI_COMMAND: 'VERSION' }, input: '{}', encoding: 'utf8' })
  for (const args of [[], ['--script']]) {
    writeFileSync(machine.main, `await import(${JSON.stringify(source)})\n`)
    machine.install(...args)
    assert.match(String(version().stdout), /"supportedVersions"/)
    rmSync(machine.main)
    const { status, stdout } = version()
    const { code, msg } = JSON.parse(String(stdout)) as { code: number; msg: string }
    assert.deepEqual([status, code], [1, 100])
    assert.match(msg, /cannot start .*strange.*: after moving Kubehop, run kubehop cni install again/)
  }
})

test('where the plugin has a bundle of its own, that is what starts', () => {
  using machine = new Machine()
  machine.main = join(machine.folder, 'kubehop.mjs')
  writeFileSync(machine.main, `await import(${JSON.stringify(source)})\n`)
  writeFileSync(
    join(machine.folder, 'kubehop-cni.mjs'),
    `await import(${JSON.stringify(resolve('src/cli/cni-main.ts'))})\n`,
  )
  machine.install()
  rmSync(machine.main)
  const call = (env: NodeJS.ProcessEnv): { status: number | null; stdout: string; stderr: string } =>
    spawnSync(machine.plugin, [], { env, input: '{}', encoding: 'utf8' })
  assert.match(call({ CNI_COMMAND: 'VERSION' }).stdout, /"supportedVersions"/)
  assert.match(call({}).stderr, /^usage: CNI_COMMAND=/)
  assert.equal(call({ CNI_COMMAND: 'NOPE' }).status, 1)
})

test('what cannot be is said before anything is written', () => {
  using machine = new Machine()
  machine.refused(/ipam.subnet is "10.22.0.0", not a range/, 'install', '--subnet', '10.22.0.0')
  machine.refused(/bridge is "a b", not a name for a link/, 'install', '--bridge', 'a b')
  machine.refused(/too small/, 'install', '--subnet', '10.22.0.0/31')
  machine.refused(/--cni-version 9 is none of 0.3.1, 0.4.0, 1.0.0, 1.1.0/, 'install', '--cni-version', '9')
  machine.refused(/the name "\.\.\/x" is not/, 'install', '--name', '../x')
  machine.refused(/107 is the most/, 'install', '--socket', `/${'x'.repeat(108)}`)
  machine.refused(/no absolute path/, 'install', '--socket', 'agent.sock')
  machine.refused(
    /there is no .*gone: it comes with a container runtime; .*--bin-dir/,
    'install',
    '--bin-dir',
    join(machine.folder, 'gone'),
  )
  machine.refused(/there is no .*gone.*--conf-dir/, 'install', '--conf-dir', join(machine.folder, 'gone'))
  machine.refused(/\/proc\/.*no folder/, 'install', '--bin-dir', '/proc/version')
  assert.deepEqual(machine.files(), [])
  mkdirSync(machine.plugin)
  machine.refused(/something is there that is no file: remove it/, 'install')
})

test('whoever may not write there is told to be root', () => {
  using machine = new Machine()
  const root = process.getuid?.() === 0
  const [program, ...args] = root ? ['setpriv', '--bounding-set=-all', process.execPath] : [process.execPath]
  // Root without capabilities still owns what it made: a folder that is nobody's to write.
  const folder = '/proc/sys/kernel'
  const { stderr } = spawnSync(
    program ?? '',
    [...args, source, 'cni', 'install', '--bin-dir', folder, '--conf-dir', machine.conf],
    { encoding: 'utf8' },
  )
  assert.match(
    stderr,
    /\/proc\/sys\/kernel is (not writable for this user: run as root|on a file system that cannot be written to)/,
  )
})

test('another network that comes first is pointed out', () => {
  using machine = new Machine()
  writeFileSync(join(machine.conf, '05-other.conflist'), '{}')
  const { stderr } = machine.run('install')
  assert.match(stderr, /05-other.conflist comes first in .*: most runtimes give pods that network, and not kubehop/)
})
