import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { address, cidr } from '../../src/base/address.ts'
import { type HostPort, openPodNetwork, type PodNetwork } from '../../src/cni/network.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { readSysctl } from '../../src/kernel/sysctl.ts'
import { askTcp, askUdp, machineBeside, serveTcp, serveUdp } from './cni-plugin-ports-world.ts'

class Node implements Disposable {
  readonly ns: Netns = createNetns()
  readonly outside: Netns = machineBeside(this.ns)
  readonly stateDir: string = mkdtempSync(join(tmpdir(), 'cni-ports-'))
  open(podCidr = cidr('100.96.1.0/24')): PodNetwork {
    return openPodNetwork({ podCidr, stateDir: this.stateDir, ns: this.ns, log: pino({ level: 'silent' }) })
  }
  hasTable(family: 'ip' | 'ip6' = 'ip'): boolean {
    using nftables = openNftables(this.ns)
    return nftables.read({ family, name: 'kubehop-hostports' }) !== undefined
  }
  [Symbol.dispose](): void {
    this.outside.close()
    this.ns.close()
    rmSync(this.stateDir, { recursive: true })
  }
}

const web: HostPort = { hostPort: 8080, containerPort: 80, protocol: 'TCP' }

test('a port of the node leads to the pod: from outside, from the node, from its 127.0.0.1, from pods, and from the pod itself', async () => {
  using node = new Node()
  using a = createNetns()
  using b = createNetns()
  const network = node.open()
  network.add({ id: 'a', netns: a, hostPorts: [web, { ...web, protocol: 'UDP' }] })
  network.add({ id: 'b', netns: b })
  await using _tcp = serveTcp(a, 80, 'a')
  await using _udp = serveUdp(a, 80, 'a')
  for (const ask of [askTcp, askUdp]) {
    assert.equal(await ask(node.outside, '192.0.2.1', 8080), 'a 192.0.2.2')
    assert.equal(await ask(node.ns, '192.0.2.1', 8080), 'a 192.0.2.1')
    assert.equal(await ask(node.ns, '127.0.0.1', 8080), 'a 100.96.1.1')
    assert.equal(await ask(node.ns, '100.96.1.1', 8080), 'a 100.96.1.1')
    assert.equal(await ask(b, '192.0.2.1', 8080), 'a 100.96.1.3')
    assert.equal(await ask(b, '100.96.1.1', 8080), 'a 100.96.1.3')
    assert.equal(await ask(a, '192.0.2.1', 8080), 'a 100.96.1.1')
    assert.equal(await ask(node.outside, '192.0.2.1', 8081), 'refused')
  }
  network.del('a')
  assert.equal(await askTcp(node.outside, '192.0.2.1', 8080), 'refused')
  assert.equal(await askTcp(node.ns, '127.0.0.1', 8080), 'refused')
  assert.equal(node.hasTable(), false)
  assert.equal(readSysctl('net.ipv4.conf.cbr0.route_localnet', node.ns), '0')
  network.close()
})
