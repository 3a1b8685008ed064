import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { cniPlugins } from '../../bench/harness/peers.ts'
import { address } from '../../src/base/address.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { echo } from '../../src/kernel/ping.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { addressOf, pluginIn, PluginNode, pluginWithin, refused, type Said } from './cni-plugin-world.ts'

const reference = cniPlugins(false)
const noReference = 'missing' in reference ? reference.missing : false

/** A node with a folder of plugins, and the configuration of a network whose addresses one of them gives. */
class DelegateNode extends PluginNode {
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
  spawn(command: string, id: string, netns: Netns, config = this.config()): Said {
    const pod = { CNI_CONTAINERID: id, CNI_NETNS: `/proc/${process.pid}/fd/${netns.fd}`, CNI_IFNAME: 'eth0' }
    return pluginIn(this.ns)({ CNI_COMMAND: command, ...pod, CNI_PATH: `/nowhere:${this.plugins}` }, config)
  }

  do(command: string, id: string, netns: Netns | string, config = this.config()): Said {
    return this.run(command, id, netns, config, { CNI_PATH: `/nowhere:${this.plugins}` })
  }

  /** Neither cable nor anything written down. */
  assertNothingLeft(): void {
    const folder = join(this.dataDir, 'own', 'pods', 'others')
    assert.deepEqual([this.veths(), existsSync(folder) ? readdirSync(folder) : []], [0, []])
  }
}

const ip = { address: '10.40.0.7/24', gateway: '10.40.0.1' }

test('the plugin named by ipam.type is asked with the whole configuration, and its addresses and routes are the pod’s', async () => {
  using node = new DelegateNode()
  using a = createNetns()
  node.gives({
    cniVersion: '1.1.0',
    ips: [ip, { address: 'fd40::7/64' }],
    routes: [{ dst: '10.50.0.0/16', mtu: 1400 }],
    dns: { nameservers: ['10.40.0.53'] },
  })
  const said = node.spawn('ADD', 'a', a, node.config({ runtimeConfig: { ips: ['10.40.0.7'] } }))
  assert.equal(addressOf(said), '10.40.0.7/24')
  assert.deepEqual(node.calls(), ['ADD a eth0'])
  const { name, type, ipam, runtimeConfig } = node.stdin()
  assert.deepEqual(
    { name, type, ipam, runtimeConfig },
    {
      name: 'pods',
      type: 'kubehop',
      ipam: { type: 'ours', colour: 'blue' },
      runtimeConfig: { ips: ['10.40.0.7'] },
    },
  )
  assert.deepEqual(said.out['ips'], [
    { ...ip, interface: 2 },
    { address: 'fd40::7/64', gateway: 'fd40::1', interface: 2 },
  ])
  assert.deepEqual(said.out['routes'], [
    { dst: '10.50.0.0/16', gw: '10.40.0.1', mtu: 1400 },
    { dst: '0.0.0.0/0', gw: '10.40.0.1' },
    { dst: '::/0', gw: 'fd40::1' },
  ])
  assert.deepEqual(said.out['dns'], { nameservers: ['10.40.0.53'] })
  for (const to of ['10.40.0.1', 'fd40::1'])
    assert.equal((await echo({ ns: a, to: address(to), timeoutMs: 5000 })).answer, 'reply')
  const checked = node.config({ prevResult: said.out })
  assert.equal(node.do('CHECK', 'a', a, checked).exitCode, 0)
  assert.equal(node.do('STATUS', '', '').exitCode, 0)
  node.do('DEL', 'a', a)
  assert.deepEqual(node.calls(), ['CHECK a eth0', 'STATUS  eth0', 'DEL a eth0'])
  node.assertNothingLeft()
})

test('results of every version are understood', () => {
  using node = new DelegateNode()
  using a = createNetns()
  for (const [cniVersion, ips] of [
    ['0.3.1', [{ version: '4', ...ip }]],
    ['0.4.0', [{ version: '4', ...ip }]],
    ['1.0.0', [ip]],
    ['1.1.0', [ip]],
    [undefined, [ip]],
  ] as const) {
    node.gives({ ...(cniVersion && { cniVersion }), ips })
    assert.equal(addressOf(node.do('ADD', 'a', a)), '10.40.0.7/24')
    assert.equal(node.do('DEL', 'a', a).exitCode, 0)
  }
})

test('pods of other ranges bring their gateways to the bridge, which keeps its Ethernet address', async () => {
  using node = new DelegateNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({ ipMasq: true })
  for (const [id, ns, address] of [
    ['a', a, '10.41.0.2/24'],
    ['b', b, '10.40.0.2/24'],
  ] as const) {
    node.gives({ ips: [{ address }] })
    addressOf(node.do('ADD', id, ns, config))
    assert.equal(node.socket.link('cbr0')?.mac, '0a:58:0a:29:00:01')
  }
  assert.equal((await echo({ ns: a, to: address('10.40.0.2'), timeoutMs: 5000 })).answer, 'reply')
  node.do('DEL', 'a', a, config)
  node.do('DEL', 'b', b, config)
  node.assertNothingLeft()
})

test('a plugin need not read its configuration, however long that is', () => {
  using node = new DelegateNode()
  using a = createNetns()
  const file = join(node.plugins, 'ours')
  writeFileSync(file, `#!/bin/sh\nexec 0<&-\necho '${JSON.stringify({ ips: [ip] })}'\n`, { mode: 0o755 })
  const config = node.config({ args: { label: 'x'.repeat(300_000) } })
  assert.equal(addressOf(node.do('ADD', 'a', a, config)), '10.40.0.7/24')
  assert.equal(node.do('DEL', 'a', a, config).exitCode, 0)
  node.assertNothingLeft()
})

test('its error is passed on with its code and words, and it is asked to take back what it may have given', () => {
  using node = new DelegateNode()
  using a = createNetns()
  node.gives('{"cniVersion":"1.1.0","code":117,"msg":"the pool is dry","details":"10.40.0.0/24"}')
  node.script(`cat ${node.plugins}/result; [ "$CNI_COMMAND" = DEL ] || exit 1`)
  for (const [command, calls] of [
    ['ADD', ['ADD a eth0', 'DEL a eth0']],
    ['STATUS', ['STATUS a eth0']],
  ] as const) {
    const said = node.do(command, 'a', a)
    refused(said, 117, 'the pool is dry')
    assert.equal(said.out['details'], '10.40.0.0/24')
    assert.deepEqual(node.calls(), calls)
    node.assertNothingLeft()
  }
})

test('a plugin that answers something else, or nothing, is named, and what it gave is taken back', () => {
  using node = new DelegateNode()
  using a = createNetns()
  for (const [answer, ...words] of [
    ['', 'nothing at all'],
    ['no JSON', 'not valid JSON'],
    ['null', 'its result is null'],
    ['[]', 'its result is []'],
    ['{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/8"}}', 'a result of cniVersion "0.2.0"'],
    ['{"cniVersion":"1.0.0"}', 'no addresses'],
    ['{"ips":[{"address":"10.40.0.7"}]}', '10.40.0.7'],
    ['{"ips":[{"address":"10.40.0.7/33"}]}', '10.40.0.7/33'],
    ['{"ips":[{"address":"10.40.0.7/24","gateway":"fd00::1"}]}', 'gateway "fd00::1"'],
    ['{"ips":[{"address":"10.40.0.7/24"},{"address":"10.40.0.7/24"}]}', '10.40.0.7 twice'],
    ['{"ips":[{"address":"10.40.0.7/24"}],"routes":[{"dst":"all"}]}', 'routes[0].dst is "all"'],
    ['{"ips":[{"address":"10.40.0.7/24"}],"interfaces":[{"name":"eth0"}]}', 'interfaces (eth0)'],
  ] as const) {
    node.gives(answer)
    refused(node.do('ADD', 'a', a), 100, 'the IPAM plugin "ours" answered ADD with', ...words)
    assert.deepEqual(node.calls(), ['ADD a eth0', 'DEL a eth0'], answer)
    node.assertNothingLeft()
  }
})

test('a plugin that cannot be run is an error that says what to do', () => {
  using node = new DelegateNode()
  using a = createNetns()
  refused(node.do('ADD', 'a', a), 100, '"ours" is in no folder of CNI_PATH (/nowhere, ', 'install it there')
  for (const type of ['../ours', '..', 'a/b'])
    refused(node.do('ADD', 'a', a, node.config({ ipam: { type } })), 7, "no file's name")
  node.script(':', 0o644)
  refused(node.do('ADD', 'a', a), 100, 'is not executable: chmod +x')
  node.script(':', 0o755, '#!/no/such/interpreter')
  refused(node.do('ADD', 'a', a), 100, 'interpreter is missing')
  const inAdd = (body: string): void => node.script(`[ "$CNI_COMMAND" = ADD ] || exit 0; ${body}`)
  inAdd('echo sorry >&2; exit 3')
  refused(node.do('ADD', 'a', a), 100, 'ended with 3 at ADD', 'sorry')
  inAdd('kill -9 $$')
  refused(node.do('ADD', 'a', a), 100, 'was killed by SIGKILL')
  inAdd('yes | head -c 3000000')
  refused(node.do('ADD', 'a', a), 100, 'more than 1048576 bytes')
})

test('a plugin that hangs is killed after ipamTimeout, with all that it started', async () => {
  using node = new DelegateNode()
  using a = createNetns()
  node.script(`[ "$CNI_COMMAND" = ADD ] || exit 0; sleep 1000 & echo $! > ${node.plugins}/child; wait`)
  refused(node.do('ADD', 'a', a, node.config({ ipamTimeout: 1 })), 100, 'did not end ADD within 1 s (ipamTimeout)')
  const child = readFileSync(join(node.plugins, 'child'), 'utf8').trim()
  // A signal takes its time; the test's own time limit is what fails.
  while (runs(child)) await new Promise((resolve) => setImmediate(resolve))
  node.assertNothingLeft()
})

function runs(pid: string): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

test('when we are killed while the other plugin gives, GC and DEL have it take back', () => {
  using node = new DelegateNode()
  using a = createNetns()
  node.script('[ "$CNI_COMMAND" != ADD ] || kill -9 $PPID')
  for (const [command, calls] of [
    ['GC', ['ADD a eth0', 'DEL a eth0', 'GC a eth0']],
    ['DEL', ['ADD a eth0', 'DEL a eth0']],
  ] as const) {
    assert.equal(node.spawn('ADD', 'a', a).exitCode, null)
    const said = node.do(command, 'a', a, node.config({ 'cni.dev/valid-attachments': [] }))
    assert.equal(said.exitCode, 0, said.stdout)
    assert.deepEqual(node.calls(), calls)
    node.assertNothingLeft()
  }
})

test('when the cable cannot be laid, the plugin takes the address back; if it cannot, GC asks again', () => {
  using node = new DelegateNode()
  using a = createNetns()
  using inside = openRouteSocket(a)
  inside.apply(addLink({ kind: 'bridge', name: 'eth0' }))
  node.gives({ ips: [ip] })
  refused(node.do('ADD', 'a', a), 100, 'a link named eth0 already')
  assert.deepEqual(node.calls(), ['ADD a eth0', 'DEL a eth0'])
  node.assertNothingLeft()
  node.gives({ ips: [ip] }, 'exit 1')
  const said = node.do('ADD', 'a', a)
  refused(said, 100, 'a link named eth0 already')
  assert.match(String(said.out['details']), /the address was not taken back: .* ended with 1 at DEL/)
  node.gives({ ips: [ip] })
  node.calls()
  const gc = node.do('GC', '', '', node.config({ 'cni.dev/valid-attachments': [] }))
  assert.equal(gc.exitCode, 0, gc.stdout)
  assert.deepEqual(node.calls(), ['DEL a eth0', 'GC  eth0'])
  node.assertNothingLeft()
})

test('GC has the plugin take back from each who is gone, and passes GC on; DEL reaches who gave, whatever the configuration says by then', () => {
  using node = new DelegateNode()
  const pods = ['a', 'b', 'c'].map((id) => ({ id, ns: createNetns() }))
  for (const [at, { id, ns }] of pods.entries()) {
    node.gives({ ips: [{ ...ip, address: `10.40.0.${at + 2}/24` }] })
    addressOf(node.do('ADD', id, ns))
  }
  refused(node.do('ADD', 'a', pods[0]?.ns ?? ''), 100, 'eth0 of a is on the network pods already, with 10.40.0.2')
  node.calls()
  const alive = { 'cni.dev/valid-attachments': [{ containerID: 'b', ifname: 'eth0' }] }
  assert.equal(node.do('GC', '', '', node.config(alive)).exitCode, 0)
  const calls = node.calls()
  assert.deepEqual([calls.slice(0, 2).toSorted(), calls.slice(2)], [['DEL a eth0', 'DEL c eth0'], ['GC  eth0']])
  assert.equal(node.veths(), 1)
  assert.equal(node.do('DEL', 'b', '', node.config({ ipam: { type: 'dhcp' } })).exitCode, 0)
  assert.deepEqual(node.calls(), ['DEL b eth0'])
  node.assertNothingLeft()
  for (const { ns } of pods) ns.close()
})

test('with the reference host-local: two families, CHECK, DEL, exhaustion, and what it leaks is taken back', {
  skip: noReference,
}, async () => {
  using node = new DelegateNode()
  using a = createNetns()
  using b = createNetns()
  const dataDir = join(node.plugins, 'host-local')
  // Our own name for it means our own addresses; so it is called by another.
  const { folder } = 'folder' in reference ? reference : assert.fail()
  writeFileSync(join(node.plugins, 'theirs'), readFileSync(join(folder, 'host-local')), { mode: 0o755 })
  const ranges = [[{ subnet: '10.40.0.0/30' }], [{ subnet: 'fd40::/64' }]]
  const config = node.config({
    ipMasq: true,
    ipam: { type: 'theirs', dataDir, ranges, routes: [{ dst: '10.50.0.0/16' }] },
  })
  const written = (): string[] =>
    readdirSync(join(dataDir, 'pods'))
      .filter((name) => !name.startsWith('l'))
      .toSorted()
  const said = node.do('ADD', 'a', a, config)
  assert.equal(addressOf(said), '10.40.0.2/30')
  assert.deepEqual(written(), ['10.40.0.2', 'fd40::2'])
  assert.deepEqual(said.out['routes'], [
    { dst: '10.50.0.0/16', gw: '10.40.0.1' },
    { dst: '0.0.0.0/0', gw: '10.40.0.1' },
    { dst: '::/0', gw: 'fd40::1' },
  ])
  assert.equal((await echo({ ns: a, to: address('fd40::1'), timeoutMs: 5000 })).answer, 'reply')
  assert.equal(node.do('CHECK', 'a', a, { ...config, prevResult: said.out }).exitCode, 0)
  refused(node.do('ADD', 'b', b, config), 999, 'no IP addresses available in range set: 10.40.0.1-10.40.0.2')
  assert.deepEqual(written(), ['10.40.0.2', 'fd40::2'])
  // The pod is gone, and nobody says DEL: host-local would keep its address for ever.
  a.close()
  while (node.veths() > 0) await new Promise((resolve) => setImmediate(resolve))
  const again = node.do('ADD', 'b', b, config)
  assert.equal(addressOf(again), '10.40.0.2/30')
  const gc = node.do('GC', '', '', { ...config, 'cni.dev/valid-attachments': [] })
  assert.equal(gc.exitCode, 0, gc.stdout)
  assert.deepEqual(written(), [])
  node.assertNothingLeft()
})
