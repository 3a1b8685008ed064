import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { cniPlugins } from '../../bench/harness/peers.ts'
import { callPlugin } from '../../src/cni/plugin/plugin.ts'
import { createNetns, inNetns } from '../../src/kernel/netns.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { addressOf, PluginNode, refused, type Said } from './cni-plugin-world.ts'

const reference = cniPlugins(false)
const folder = 'folder' in reference ? reference.folder : ''
const noReference = 'missing' in reference ? reference.missing : false
const path = { CNI_PATH: '/opt/cni/bin' }

/** As another plugin asks for addresses. */
function asking(node: PluginNode, ipam: object = {}, more: object = {}): Record<string, unknown> {
  return {
    cniVersion: '1.1.0',
    name: 'pods',
    type: 'bridge',
    bridge: 7,
    dataDir: '/of/the/other/plugin',
    vlan: 7,
    ipam: { type: 'kubehop', dataDir: node.dataDir, subnet: '10.22.0.0/29', ...ipam },
    ...more,
  }
}

test('asked by another plugin, ours gives addresses and connects nothing', () => {
  using node = new PluginNode()
  using a = createNetns()
  const config = asking(node, { routes: [{ dst: '0.0.0.0/0' }, { dst: '10.50.0.0/16', gw: '10.22.0.3' }] })
  const said = node.run('ADD', 'a', a, config)
  assert.deepEqual(
    [said.exitCode, said.out],
    [
      0,
      {
        cniVersion: '1.1.0',
        ips: [{ address: '10.22.0.2/29', gateway: '10.22.0.1' }],
        routes: [{ dst: '0.0.0.0/0' }, { dst: '10.50.0.0/16', gw: '10.22.0.3' }],
        dns: {},
      },
    ],
  )
  assert.equal(node.socket.links().length, 1, 'there is lo alone')
  refused(node.run('ADD', 'a', a, config), 100, 'eth0 of a is on the network pods already')
  const old = node.run('ADD', 'b', a, { ...config, cniVersion: '0.4.0' })
  assert.deepEqual(old.out['ips'], [{ version: '4', address: '10.22.0.3/29', gateway: '10.22.0.1' }])
  const checks = (prevResult: unknown): Said => node.run('CHECK', 'a', a, { ...config, prevResult })
  assert.equal(checks(said.out).exitCode, 0)
  refused(checks({ ...said.out, ips: [{ address: '10.22.0.9/29' }] }), 101, '10.22.0.2/29')
  node.del('a', '', config)
  node.del('a', '', config)
  refused(checks(said.out), 101, 'eth0 of a has no address of the network pods in 10.22.0.0/29')
  assert.deepEqual(node.leases(), ['10.22.0.3'])
})

test('as an address giver it knows requests, STATUS and GC, and no other plugin’s fields', () => {
  using node = new PluginNode()
  using a = createNetns()
  const config = asking(node)
  const runtimeConfig = { ips: ['10.22.0.5'], mac: '02:00:00:00:00:01', portMappings: [{ hostPort: 80 }] }
  assert.equal(addressOf(node.run('ADD', 'a', a, { ...config, runtimeConfig })), '10.22.0.5/29')
  refused(node.run('ADD', 'b', a, { ...config, runtimeConfig }), 102, 'somebody has it')
  refused(node.run('ADD', 'b', a, asking(node, { vlan: 7 })), 2, 'no ipam.vlan')
  for (const id of ['b', 'c', 'd', 'e']) addressOf(node.run('ADD', id, a, config))
  refused(node.run('ADD', 'f', a, config), 102, 'no IP addresses available in 10.22.0.0/29')
  refused(node.call({ CNI_COMMAND: 'STATUS', ...path }, config), 50, '10.22.0.0/29')
  const alive = { 'cni.dev/valid-attachments': [{ containerID: 'c', ifname: 'eth0' }] }
  for (const [more, left] of [
    [{}, 5],
    [alive, 1],
    [{ 'cni.dev/valid-attachments': [] }, 0],
  ] as const) {
    assert.equal(node.call({ CNI_COMMAND: 'GC', ...path }, { ...config, ...more }).exitCode, 0)
    assert.equal(node.leases().length, left, JSON.stringify(more))
  }
  assert.equal(node.call({ CNI_COMMAND: 'STATUS', ...path }, config).exitCode, 0)
})

test('the reference bridge connects pods with our addresses', { skip: noReference }, () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const plugins = join(node.dataDir, 'plugins')
  mkdirSync(plugins)
  const main = resolve('src/cli/main.ts')
  writeFileSync(join(plugins, 'kubehop'), `#!/bin/sh\nexec ${process.execPath} ${main} cni\n`, { mode: 0o755 })
  const dataDir = join(node.dataDir, 'given')
  const config = {
    cniVersion: '1.0.0',
    name: 'pods',
    type: 'bridge',
    bridge: 'br0',
    isDefaultGateway: true,
    ipam: { type: 'kubehop', dataDir, ranges: [[{ subnet: '10.22.0.0/24' }], [{ subnet: 'fd00:22::/64' }]] },
  }
  const bridge = (command: string, id: string, ns: typeof a, more: object = {}): Said => {
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: id,
      CNI_NETNS: `/proc/${process.pid}/fd/${ns.fd}`,
      CNI_IFNAME: 'eth0',
      CNI_PATH: plugins,
    }
    const { status, stdout, stderr } = inNetns(node.ns, () =>
      spawnSync(join(folder, 'bridge'), { env, input: JSON.stringify({ ...config, ...more }), encoding: 'utf8' }),
    )
    return { exitCode: status, stdout, stderr, out: stdout === '' ? {} : JSON.parse(stdout) }
  }
  const given = (said: Said): string[] => {
    addressOf(said)
    return (said.out['ips'] as { address: string }[]).map((ip) => ip.address)
  }
  const said = bridge('ADD', 'a', a)
  assert.deepEqual(given(said), ['10.22.0.2/24', 'fd00:22::2/64'])
  assert.deepEqual(given(bridge('ADD', 'b', b)), ['10.22.0.3/24', 'fd00:22::3/64'])
  const check = bridge('CHECK', 'a', a, { prevResult: said.out })
  assert.deepEqual([check.exitCode, check.stdout], [0, ''])
  assert.equal(bridge('STATUS', 'a', a, { cniVersion: '1.1.0' }).exitCode, 0)
  using inside = openRouteSocket(a)
  const { index } = inside.link('eth0') ?? assert.fail()
  assert.ok(inside.addresses(index).some((one) => one.address === 'fd00:22::2'))
  for (const [id, ns] of [
    ['a', a],
    ['b', b],
  ] as const)
    assert.equal(bridge('DEL', id, ns).exitCode, 0)
  const left = readdirSync(join(dataDir, 'pods')).flatMap((range) => readdirSync(join(dataDir, 'pods', range)))
  assert.deepEqual(
    left.filter((name) => name !== 'last'),
    [],
  )
})

test('whatever is given and taken back, sets of ranges give the addresses that the reference host-local gives', {
  skip: noReference,
}, () => {
  using node = new PluginNode()
  using a = createNetns()
  const sets = fc.constantFrom(
    [[{ subnet: '10.0.0.0/29' }]],
    [[{ subnet: '10.0.0.0/30' }, { subnet: '10.0.1.0/30' }]],
    [
      [
        { subnet: '10.0.0.0/24', rangeStart: '10.0.0.9', rangeEnd: '10.0.0.11', gateway: '10.0.0.10' },
        { subnet: '10.0.1.0/30' },
      ],
      [{ subnet: 'fd00::/125' }],
    ],
    [[{ subnet: 'fd00::/126' }, { subnet: 'fd01::/126' }], [{ subnet: '10.0.0.0/29', gateway: '10.0.0.6' }]],
  )
  const steps = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 9 })), { minLength: 10, maxLength: 40 })
  let run = 0
  fc.assert(
    fc.property(sets, steps, (ranges, list) => {
      const dirs = [join(node.dataDir, `theirs${++run}`), join(node.dataDir, `ours${run}`)]
      const config = (type: string, dataDir = ''): string =>
        JSON.stringify({ cniVersion: '1.0.0', name: 'pods', type: 'bridge', ipam: { type, dataDir, ranges } })
      for (const [add, number] of list) {
        const env = {
          CNI_COMMAND: add ? 'ADD' : 'DEL',
          CNI_CONTAINERID: `c${number}`,
          CNI_NETNS: `/proc/${process.pid}/fd/${a.fd}`,
          CNI_IFNAME: 'eth0',
          CNI_PATH: folder,
        }
        const input = config('host-local', dirs[0])
        const { stdout } = spawnSync(join(folder, 'host-local'), { env, input, encoding: 'utf8' })
        const { out } = callPlugin(env, () => config('kubehop', dirs[1]))
        const theirs = stdout === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>)
        assert.deepEqual(out?.['ips'], theirs['ips'], `${add} ${number}: ${stdout} ${JSON.stringify(out)}`)
      }
    }),
    { numRuns: 25 },
  )
  assert.ok(run >= 25 && existsSync(join(node.dataDir, 'ours1')))
})

test('routes have an MTU, a segment size, a priority, a table and a scope; the result tells them', () => {
  using node = new PluginNode()
  using a = createNetns()
  const routes = [
    { dst: '10.50.0.0/16', mtu: 1300, advmss: 1200, priority: 7 },
    { dst: '10.51.0.0/16', table: 77, gw: '10.22.0.9' },
    { dst: '10.52.0.0/16', scope: 253 },
    { dst: 'fd50::/16', mtu: 1290 },
  ]
  const ranges = [[{ subnet: '10.22.0.0/24' }], [{ subnet: 'fd00:22::/64' }]]
  const config = node.config({ isDefaultGateway: false, isGateway: true, ipam: { ranges, routes } })
  const said = node.run('ADD', 'a', a, config)
  assert.equal(said.exitCode, 0, said.stdout)
  assert.deepEqual(said.out['routes'], [
    { dst: '10.50.0.0/16', gw: '10.22.0.1', mtu: 1300, advmss: 1200, priority: 7 },
    { dst: '10.51.0.0/16', gw: '10.22.0.9', table: 77 },
    { dst: '10.52.0.0/16', scope: 253 },
    { dst: 'fd50::/16', gw: 'fd00:22::1', mtu: 1290 },
  ])
  const shown = (...args: string[]): string =>
    inNetns(a, () => spawnSync('ip', [...args, 'route', 'show', 'table', 'all', 'dev', 'eth0'], { encoding: 'utf8' }))
      .stdout
  for (const line of [
    /^10\.50\.0\.0\/16 via 10\.22\.0\.1 metric 7 mtu 1300 advmss 1200\b/m,
    /^10\.51\.0\.0\/16 via 10\.22\.0\.9 table 77\b/m,
    /^10\.52\.0\.0\/16 scope link\b/m,
  ])
    assert.match(shown('-4').replaceAll(/ proto \w+/g, ''), line)
  assert.match(shown('-6'), /^fd50::\/16 via fd00:22::1 .*mtu 1290\b/m)
  assert.equal(node.run('CHECK', 'a', a, { ...config, prevResult: said.out }).exitCode, 0)
})

test('resolvConf becomes the result’s dns, unless the network has its own; one that cannot be read is an error', () => {
  using node = new PluginNode()
  using a = createNetns()
  const file = join(node.dataDir, 'resolv.conf')
  writeFileSync(
    file,
    '# by hand\nnameserver 10.0.0.53\n nameserver fd00::53 \nsearch a.example b.example\ndomain example\noptions ndots:5 rotate\n; end\n',
  )
  const config = (resolvConf: string, more: object = {}): Record<string, unknown> =>
    node.config({ ipam: { subnet: '10.22.0.0/24', resolvConf }, ...more })
  assert.deepEqual(node.run('ADD', 'a', a, config(file)).out['dns'], {
    domain: 'example',
    nameservers: ['10.0.0.53', 'fd00::53'],
    search: ['a.example', 'b.example'],
    options: ['ndots:5', 'rotate'],
  })
  node.del('a', a)
  const dns = { nameservers: ['9.9.9.9'] }
  assert.deepEqual(node.run('ADD', 'a', a, config(file, { dns })).out['dns'], dns)
  node.del('a', a)
  const pipe = join(node.dataDir, 'pipe')
  spawnSync('mkfifo', [pipe])
  for (const wrong of ['/no/such/file', node.dataDir, '/proc/self/mem', pipe, process.execPath]) {
    refused(node.run('ADD', 'a', a, config(wrong)), 5, `cannot read ipam.resolvConf ${wrong}`)
    refused(node.call({ CNI_COMMAND: 'STATUS', ...path }, config(wrong)), 5, wrong)
  }
  assert.deepEqual([node.leases(), node.veths()], [[], 0])
})

test('dataDir of ipam is where the addresses are written down, for DEL and GC too', () => {
  using node = new PluginNode()
  using a = createNetns()
  const dataDir = join(node.dataDir, 'elsewhere')
  const config = node.config({ ipam: { type: 'host-local', subnet: '10.22.0.0/24', dataDir } })
  const written = (): string[] => readdirSync(join(dataDir, 'pods', '10.22.0.0-24')).toSorted()
  node.add('a', a, config)
  assert.deepEqual([written(), node.leases()], [['10.22.0.2', 'last'], []])
  node.del('a', a, config)
  assert.deepEqual(written(), ['last'])
  node.add('a', a, config)
  const gc = node.call({ CNI_COMMAND: 'GC', ...path }, { ...config, 'cni.dev/valid-attachments': [] })
  assert.deepEqual([gc.exitCode, written(), node.veths()], [0, ['last'], 0])
})
