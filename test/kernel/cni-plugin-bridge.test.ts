import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { macOf } from '../../src/cni/names.ts'
import { bridgeTableOf } from '../../src/cni/plugin/bridge-table.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { mac, type Mac } from '../../src/kernel/rtnetlink/mac.ts'
import { bindUdp } from '../../src/kernel/socket.ts'
import { sendFrame } from './cni-plugin-frames.ts'
import { all, askTcp, askUdp, machineBeside, serveTcp, serveUdp } from './cni-plugin-ports-world.ts'
import { PluginNode, refused } from './cni-plugin-world.ts'
import { write } from './packet-bytes.ts'

const table = bridgeTableOf('pods')
const a1 = address('10.22.0.2')
const b1 = address('10.22.0.3')

/** The ids of datagrams that arrive at port 9000, up to and with the one that is waited for. */
function listen(ns: Netns): { until(id: number): Promise<number[]> } {
  const socket = createSocket('udp4')
  socket.bind({ fd: bindUdp(ns, address('0.0.0.0'), 9000) })
  const heard: number[] = []
  const until = (id: number): Promise<number[]> =>
    new Promise((resolve) => {
      socket.on('message', (message) => {
        heard.push(message.readUInt32BE(0))
        if (heard.at(-1) !== id) return
        socket.close()
        resolve(heard)
      })
    })
  return { until }
}

/** From pod a to pod b, as if it came from this Ethernet address. */
function send(ns: Netns, from: Mac, id: number): void {
  const packet = write({ from: a1, sourcePort: 7, to: b1, port: 9000, protocol: 'UDP', id })
  sendFrame(ns, 'eth0', { from, to: macOf(b1), packet })
}

test('with macspoofchk a pod sends with its own Ethernet address or not at all', async () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({ macspoofchk: true })
  for (const [sender, heard] of [
    [config, [2]],
    [node.config(), [1, 2]],
  ] as const) {
    node.add('a', a, sender)
    node.add('b', b, config)
    const arrivals = listen(b).until(2)
    send(a, mac('0a:58:0a:16:00:63'), 1)
    send(a, macOf(a1), 2)
    assert.deepEqual(await arrivals, heard)
    node.del('a', a)
    // Others of the network, and the answers to them, go on.
    await using servers = all(serveTcp(node.ns, 80, 'node'))
    assert.equal(await askTcp(b, '10.22.0.1', 80), `node ${b1}`)
    assert.equal(servers.length, 1)
    node.del('b', b)
    using nftables = openNftables(node.ns)
    assert.equal(nftables.read(table), undefined)
    // The same addresses once more.
    rmSync(join(node.dataDir, 'pods'), { recursive: true })
  }
})

test('with portIsolation pods reach the node and pods that are not isolated, and not each other', async () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  using c = createNetns()
  const config = node.config({ portIsolation: true })
  node.add('a', a, config)
  node.add('b', b, config)
  const at = node.add('c', c).split('/')[0] ?? ''
  await using servers = all(serveUdp(b, 53, 'b'), serveUdp(c, 53, 'c'), serveUdp(node.ns, 53, 'node'))
  assert.equal(await askUdp(a, '10.22.0.1', 53), 'node 10.22.0.2')
  assert.equal(await askUdp(a, at, 53), 'c 10.22.0.2')
  assert.equal(await askUdp(c, b1, 53), 'b 10.22.0.4')
  assert.equal(await askUdp(a, b1, 53, 0, 300), 'silence')
  assert.equal(servers.length, 3)
})

test('with promiscMode the bridge hands everything to the node, and nobody hears anything twice', async () => {
  using node = new PluginNode()
  using outside = machineBeside(node.ns)
  using a = createNetns()
  using b = createNetns()
  const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] }
  const config = node.config({ promiscMode: true })
  node.add('a', a, { ...config, runtimeConfig })
  node.add('b', b, {
    ...config,
    runtimeConfig: { portMappings: [{ hostPort: 9000, containerPort: 9000, protocol: 'udp' }] },
  })
  const port = node.socket.links().find((link) => link.port !== undefined)?.port
  assert.equal(port?.hairpin, false)
  await using servers = all(serveTcp(a, 80, 'a'))
  assert.equal(await askTcp(b, '192.0.2.1', 8080), 'a 10.22.0.3')
  assert.equal(await askTcp(outside, '192.0.2.1', 8080), 'a 192.0.2.2')
  // Translated by the node on its way over the bridge.
  const flights = async (): Promise<number[]> => {
    const arrivals = listen(b).until(3)
    for (const id of [1, 2, 3]) {
      const to = address('192.0.2.1')
      const packet = write({ from: a1, sourcePort: 7, to, port: 9000, protocol: 'UDP', id })
      sendFrame(a, 'eth0', { from: macOf(a1), to: macOf(address('10.22.0.1')), packet })
    }
    return arrivals
  }
  assert.deepEqual(await flights(), [1, 2, 3])
  // Without the rule for it there are duplicates.
  using nftables = openNftables(node.ns)
  nftables.apply({ table, ops: [{ op: 'flush chain', chain: 'output' }] })
  assert.deepEqual((await flights()).slice(0, 4), [1, 1, 2, 2])
  assert.equal(servers.length, 1)
})

test('who remembers another Ethernet address for a pod’s address learns of the new one at once', async () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  using c = createNetns()
  const ipam = { ranges: [[{ subnet: '10.22.0.0/24' }], [{ subnet: 'fd00:22::/64' }]] }
  const as = (one: string): Record<string, unknown> =>
    node.config({ ipam, runtimeConfig: { ips: ['10.22.0.9', 'fd00:22::9'], mac: one } })
  node.add('a', a, as('02:00:00:00:00:0a'))
  node.add('b', b, node.config({ ipam }))
  await using servers = all(serveUdp(a, 53, 'a'), serveUdp(a, 53, 'a', '::'))
  assert.match(await askUdp(b, '10.22.0.9', 53), /^a /)
  assert.match(await askUdp(b, 'fd00:22::9', 53), /^a /)
  node.del('a', a)
  node.add('c', c, as('02:00:00:00:00:0c'))
  await using others = all(serveUdp(c, 53, 'c'), serveUdp(c, 53, 'c', '::'))
  assert.match(await askUdp(b, '10.22.0.9', 53, 0, 700), /^c /)
  assert.match(await askUdp(b, 'fd00:22::9', 53, 0, 700), /^c /)
  assert.deepEqual([servers.length, others.length], [2, 2])
})

test('CHECK says which option of the bridge is not as ADD made it; GC forgets whoever is gone', () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  const config = node.config({ promiscMode: true, macspoofchk: true, portIsolation: true })
  const prevResult = node.run('ADD', 'a', a, config).out
  const hostDevice = (prevResult['interfaces'] as { name: string }[])[1]?.name ?? ''
  node.add('b', b, config)
  const check = (): ReturnType<typeof node.run> => node.run('CHECK', 'a', a, { ...config, prevResult })
  assert.equal(check().exitCode, 0, check().stdout)
  node.socket.apply(setLink(hostDevice, { port: { isolated: false } }))
  refused(check(), 101, `${hostDevice} is not isolated`)
  node.socket.apply(setLink(hostDevice, { port: { isolated: true } }), setLink('cbr0', { promiscuous: false }))
  refused(check(), 101, 'cbr0 is not promiscuous')
  node.socket.apply(setLink('cbr0', { promiscuous: true }))
  using nftables = openNftables(node.ns)
  const counts = (): number[] => ['checked', 'senders'].map((set) => nftables.elements(table, set).length)
  assert.deepEqual(counts(), [2, 2])
  const gc = (...ids: string[]): void => {
    const valid = ids.map((containerID) => ({ containerID, ifname: 'eth0' }))
    const said = node.call({ CNI_COMMAND: 'GC', CNI_PATH: '/x' }, { ...config, 'cni.dev/valid-attachments': valid })
    assert.equal(said.exitCode, 0, said.stdout)
  }
  gc('a')
  assert.deepEqual(counts(), [1, 1])
  const [sender] = nftables.elements(table, 'senders')
  nftables.apply({ table, ops: [{ op: 'delete elements', set: 'senders', elements: [sender ?? assert.fail()] }] })
  refused(check(), 101, `${hostDevice} is not held to`)
  nftables.apply({ table, ops: [{ op: 'flush chain', chain: 'output' }] })
  refused(check(), 101, 'rules of the bridge cbr0')
  gc()
  assert.equal(nftables.read(table), undefined)
})

test('options that exclude each other, or that nobody has built, are refused by name', () => {
  using node = new PluginNode()
  using a = createNetns()
  for (const [more, code, word] of [
    [{ promiscMode: true, hairpinMode: true }, 7, 'choose one'],
    [{ disableContainerInterface: true }, 7, 'disableContainerInterface is for containers without addresses'],
    [{ vlan: 7 }, 2, 'vlan'],
    [{ vlanTrunk: [{ id: 7 }] }, 2, 'vlanTrunk'],
    [{ macspoofchk: 'yes' }, 7, 'macspoofchk is "yes"'],
  ] as const)
    refused(node.run('ADD', 'a', a, node.config(more)), code, word)
  // Says something of ports with a vlan only.
  node.add('a', a, node.config({ preserveDefaultVlan: true, vlan: 0 }))
  node.del('a', a)
})
