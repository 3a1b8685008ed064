import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { deleteLink } from '../../src/kernel/rtnetlink/link.ts'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { all, askTcp, askUdp, machineBeside, serveTcp, serveUdp } from './cni-plugin-ports-world.ts'
import { PluginNode, refused } from './cni-plugin-world.ts'

const hostPorts = { family: 'ip', name: 'kubehop-hostports' } as const

/** A node with a machine beside it. The runtime says which ports it wants, as libcni passes the capability on. */
class Node extends PluginNode {
  readonly outside: Netns = machineBeside(this.ns)
  with(portMappings: object[], more: object = {}): Record<string, unknown> {
    return this.config({ capabilities: { portMappings: true }, runtimeConfig: { portMappings }, ...more })
  }
  hasTable(): boolean {
    using nftables = openNftables(this.ns)
    return nftables.read(hostPorts) !== undefined
  }
  override [Symbol.dispose](): void {
    this.outside.close()
    super[Symbol.dispose]()
  }
}

const web = { hostPort: 8080, containerPort: 80, protocol: 'tcp' }

test('portMappings lead from the node’s ports to the container’s until DEL, for whoever asks', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  // As containerd writes them.
  const config = node.with([web, { HostPort: 5353, ContainerPort: 53, Protocol: 'udp', HostIP: '' }])
  node.add('a', a, config)
  node.add('b', b)
  await using servers = all(serveTcp(a, 80, 'a'), serveUdp(a, 53, 'a'))
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'a 192.0.2.2')
  assert.equal(await askUdp(node.outside, '192.0.2.1', 5353), 'a 192.0.2.2')
  assert.equal(await askTcp(node.ns, '127.0.0.1', 8080), 'a 10.22.0.1')
  assert.equal(await askTcp(b, '192.0.2.1', 8080), 'a 10.22.0.3')
  assert.equal(await askTcp(a, '192.0.2.1', 8080), 'a 10.22.0.1')
  node.del('b', b)
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'a 192.0.2.2')
  assert.equal(readSysctl('net.ipv4.conf.cbr0.route_localnet', node.ns), '1')
  node.del('a', a, config)
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'refused')
  assert.equal(node.hasTable(), false)
  assert.equal(readSysctl('net.ipv4.conf.cbr0.route_localnet', node.ns), '0')
  assert.equal(servers.length, 2)
})

test('the port of a pod that is gone without DEL is the next one’s who asks for it', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  node.add('a', a, node.with([web]))
  refused(node.run('ADD', 'b', b, node.with([web])), 100, 'publish port 8080/TCP: eth0 of a on pods has it')
  const cable = node.socket.links().find(({ alias }) => alias === 'cni pods a eth0')
  node.socket.apply(deleteLink(cable?.name ?? assert.fail()))
  node.add('b', b, node.with([web]))
  await using servers = all(serveTcp(b, 80, 'b'))
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'b 192.0.2.2')
  node.del('a', a)
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'b 192.0.2.2')
  node.del('b', b)
  assert.equal(node.hasTable(), false)
  assert.equal(servers.length, 1)
})

test('without snat a container sees who really asks, and neither it nor the node’s 127.0.0.1 gets through', async () => {
  using node = new Node()
  using a = createNetns()
  node.add('a', a, node.with([web], { snat: false }))
  await using servers = all(serveTcp(a, 80, 'a'))
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'a 192.0.2.2')
  assert.equal(await askTcp(node.ns, '127.0.0.1', 8080), 'refused')
  assert.equal(await askTcp(a, '192.0.2.1', 8080, 300), 'silence')
  assert.equal(readSysctl('net.ipv4.conf.cbr0.route_localnet', node.ns), '0')
  assert.equal(servers.length, 1)
})

test('a container of both IP families is reached by both, or by the one that hostIP is of', async () => {
  using node = new Node()
  using a = createNetns()
  const ipam = { ranges: [[{ subnet: '10.22.0.0/24' }], [{ subnet: 'fd00:22::/64' }]] }
  const six = { hostPort: 8081, containerPort: 80, hostIP: '::' }
  const config = node.with([web, six, { ...six, hostPort: 8082, hostIP: 'fd00:99::1' }], { ipam })
  const { out: prevResult, stdout } = node.run('ADD', 'a', a, config)
  assert.ok('ips' in prevResult, stdout)
  await using servers = all(serveTcp(a, 80, 'a'), serveTcp(a, 80, 'a', '::'))
  for (const [at, port, answer] of [
    ['192.0.2.1', 8080, 'a 192.0.2.2'],
    ['fd00:99::1', 8080, 'a fd00:99::2'],
    ['192.0.2.1', 8081, 'refused'],
    ['fd00:99::1', 8081, 'a fd00:99::2'],
    ['192.0.2.1', 8082, 'refused'],
    ['fd00:99::1', 8082, 'a fd00:99::2'],
  ] as const)
    assert.equal(await askTcp(node.outside, at, port), answer, `${at} ${port}`)
  const check = (): ReturnType<typeof node.run> => node.run('CHECK', 'a', a, { ...config, prevResult })
  assert.equal(check().exitCode, 0)
  using nftables = openNftables(node.ns)
  nftables.apply({ table: { ...hostPorts, family: 'ip6' }, ops: [{ op: 'delete table' }] })
  refused(check(), 101, 'rules')
  node.del('a', a)
  assert.equal(node.hasTable(), false)
  assert.equal(servers.length, 2)
})

test('two containers cannot have one port: the second ADD names the first, and nothing of it is left', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  node.add('a', a, node.with([web]))
  for (const network of ['pods', 'others']) {
    const config = node.with([{ hostPort: 9090, containerPort: 1 }, web], { name: network, bridge: `br-${network}` })
    const ipam = { subnet: network === 'pods' ? '10.22.0.0/24' : '10.23.0.0/24' }
    refused(node.run('ADD', 'b', b, { ...config, ipam }), 100, 'port 8080/TCP', 'eth0 of a on pods')
    assert.deepEqual(node.leases(network), network === 'pods' ? ['10.22.0.2'] : [])
  }
  assert.equal(node.veths(), 2)
  await using servers = all(serveTcp(a, 80, 'a'))
  assert.equal(await askTcp(node.outside, '192.0.2.1', 9090), 'refused')
  node.del('a', a)
  node.add('b', b, node.with([web]))
  assert.equal(servers.length, 1)
})

test('DEL and GC take back what their containers had, also when nothing is written down, and nobody else’s', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  using c = createNetns()
  const other = { name: 'others', bridge: 'br1', ipam: { subnet: '10.23.0.0/24' } }
  node.add('a', a, node.with([web]))
  node.add('b', b, node.with([{ ...web, hostPort: 8081 }]))
  node.add('c', c, node.with([{ ...web, hostPort: 8082 }], other))
  await using servers = all(serveTcp(a, 80, 'a'), serveTcp(b, 80, 'b'), serveTcp(c, 80, 'c'))
  const gc = (alive: string[], more: object = {}): void => {
    const valid = alive.map((containerID) => ({ containerID, ifname: 'eth0' }))
    const config = { ...node.config(more), 'cni.dev/valid-attachments': valid }
    const said = node.call({ CNI_COMMAND: 'GC', CNI_PATH: '/x' }, config)
    assert.equal(said.exitCode, 0, said.stdout)
  }
  gc(['b'])
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'refused')
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8081), 'b 192.0.2.2')
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8082), 'c 192.0.2.2')
  rmSync(join(node.dataDir, 'pods'), { recursive: true })
  node.del('b', '/gone')
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8081), 'refused')
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8082), 'c 192.0.2.2')
  gc([], other)
  assert.equal(node.hasTable(), false)
  assert.equal(servers.length, 3)
})

test('CHECK says which port does not lead to its container any more', () => {
  using node = new Node()
  using a = createNetns()
  const config = node.with([web, { hostPort: 53, containerPort: 53, protocol: 'udp' }])
  const prevResult = node.run('ADD', 'a', a, config).out
  const check = (): ReturnType<typeof node.run> => node.run('CHECK', 'a', a, { ...config, prevResult })
  assert.equal(check().exitCode, 0)
  using nftables = openNftables(node.ns)
  const key = nftables.elements(hostPorts, 'any').find((element) => element.key.startsWith('\x11'))?.key
  nftables.apply({
    table: hostPorts,
    ops: [{ op: 'delete elements', set: 'any', elements: [{ key: key ?? assert.fail() }] }],
  })
  refused(check(), 101, 'port 53/UDP of the node does not lead to port 53 of eth0 of a')
  nftables.apply({ table: hostPorts, ops: [{ op: 'flush chain', chain: 'prerouting' }] })
  refused(check(), 101, 'rules')
  nftables.apply({ table: hostPorts, ops: [{ op: 'delete table' }] })
  refused(check(), 101, 'rules')
  node.del('a', a, config)
})

test('ports that cannot be, and what the reference plugin has beside them, are refused by name', () => {
  using node = new Node()
  using a = createNetns()
  const one = (more: object): Record<string, unknown> => node.with([{ ...web, ...more }])
  for (const [config, code, ...words] of [
    [one({ hostPort: 0 }), 7, 'portMappings[0].hostPort is 0'],
    [one({ hostPort: 65536 }), 7, 'hostPort is 65536'],
    [one({ containerPort: undefined }), 7, 'containerPort'],
    [one({ protocol: 'icmp' }), 7, '"icmp"', 'tcp, udp or sctp'],
    [one({ hostIP: '1.2.3' }), 7, 'hostIP is "1.2.3"'],
    [one({ hostIP: '::' }), 100, 'no IPv6 address'],
    [one({ hostPorts: 7 }), 2, 'portMappings[0].hostPorts'],
    [node.with([web], { isDefaultGateway: false }), 7, 'portMappings needs isGateway'],
    [
      node.with([web], { snat: false, runtimeConfig: { portMappings: [{ ...web, hostIP: '127.0.0.1' }] } }),
      100,
      'snat',
    ],
    [node.with([web], { conditionsV4: ['-s', '10.0.0.0/8'] }), 2, 'conditionsV4'],
    [node.with([web], { masqAll: true }), 2, 'masqAll'],
    [node.with([web], { markMasqBit: 5 }), 2, 'markMasqBit'],
    [node.with([web], { externalSetMarkChain: 'X' }), 2, 'externalSetMarkChain'],
  ] as const)
    refused(node.run('ADD', 'a', a, config), code, ...words)
  assert.deepEqual([node.leases(), node.veths(), node.hasTable()], [[], 1, false])
})
