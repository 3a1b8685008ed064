import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { address, cidr } from '../../src/base/address.ts'
import { type Bandwidth, openPodNetwork, type PodNetwork } from '../../src/cni/network.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { deleteLink, setLink } from '../../src/kernel/rtnetlink/link.ts'
import { setTokenBucket } from '../../src/kernel/rtnetlink/qdisc.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { connectTcp, listenTcp } from '../../src/kernel/socket.ts'
import { PluginNode, refused } from './cni-plugin-world.ts'

const size = 400_000
/** 400,000 bytes take 0.8 s, less what may go at once: 20,000 bytes. */
const slow = { rate: 4_000_000, burst: 160_000 }
const slowSeconds = (size - 20_000) / 500_000

/** Sends 400,000 bytes to the pod; how many seconds pass until all are there. */
async function send(from: Netns, to: Netns, at: string): Promise<number> {
  const server = createServer((socket) => socket.resume())
  server.listen({ fd: listenTcp(to, address('0.0.0.0'), 9000) })
  try {
    const begun = performance.now()
    const received = new Promise<void>((resolve) => {
      server.once('connection', (socket) => socket.once('end', resolve))
    })
    connectTcp({ ns: from, address: address(at), port: 9000 }).end(new Uint8Array(size))
    await received
    return (performance.now() - begun) / 1000
  } finally {
    await once(server.close(), 'close')
  }
}

/** What a node has of one network, apart from pods. */
class Lab implements Disposable {
  readonly ns: Netns = createNetns()
  readonly a: Netns = createNetns()
  readonly b: Netns = createNetns()
  readonly #stateDir: string = mkdtempSync(join(tmpdir(), 'cni-bandwidth-'))
  open(): PodNetwork {
    const podCidr = cidr('100.96.1.0/24')
    return openPodNetwork({ podCidr, stateDir: this.#stateDir, ns: this.ns, log: pino({ level: 'silent' }) })
  }
  detours(): string[] {
    using socket = openRouteSocket(this.ns)
    return socket.links().flatMap(({ kind, name }) => (kind === 'ifb' ? [name] : []))
  }
  [Symbol.dispose](): void {
    for (const ns of [this.a, this.b, this.ns]) ns.close()
    rmSync(this.#stateDir, { recursive: true })
  }
}

for (const [limited, there, back] of [
  ['receives', { ingress: slow }, true],
  ['sends', { egress: slow }, false],
] as const)
  test(`a pod that may not ${limited.slice(0, -1)} faster ${limited} no faster, and the other way as fast as it can`, async () => {
    using lab = new Lab()
    const network = lab.open()
    const bandwidth: Bandwidth = there
    const a = network.add({ id: 'a', netns: lab.a, bandwidth }).address
    const b = network.add({ id: 'b', netns: lab.b }).address
    const toPod = await send(lab.b, lab.a, a)
    const fromPod = await send(lab.a, lab.b, b)
    const [held, free] = back ? [toPod, fromPod] : [fromPod, toPod]
    assert.ok(held >= slowSeconds, `400,000 bytes in ${held} s`)
    assert.ok(free < held / 2, `${free} s the other way, and ${held} s`)
    network.close()
  })

test('the node, too, is held up on its way to a pod; a restart of the agent changes nothing, and DEL takes all away', async () => {
  using lab = new Lab()
  const first = lab.open()
  const { address: at, hostDevice } = first.add({ id: 'a', netns: lab.a, bandwidth: { ingress: slow, egress: slow } })
  first.add({ id: 'b', netns: lab.b, bandwidth: { egress: slow } })
  first.close()
  using socket = openRouteSocket(lab.ns)
  assert.deepEqual(lab.detours(), ['ifb-1', 'ifb-2'])
  // A pod that goes while nobody looks.
  socket.apply(deleteLink('veth2'))
  const second = lab.open()
  assert.deepEqual(lab.detours(), ['ifb-1'])
  const seconds = await send(lab.ns, lab.a, at)
  assert.ok(seconds >= slowSeconds, `400,000 bytes in ${seconds} s`)
  second.del('a')
  assert.equal(second.add({ id: 'a', netns: lab.a, bandwidth: { egress: slow } }).hostDevice === hostDevice, false)
  second.del('a')
  second.close()
  const third = lab.open()
  assert.deepEqual(lab.detours(), [])
  third.close()
})

test('a pod that fails after it was limited leaves nothing of it', () => {
  using lab = new Lab()
  const network = lab.open()
  const port = { hostPort: 8080, containerPort: 80, protocol: 'TCP' } as const
  network.add({ id: 'a', netns: lab.a, hostPorts: [port] })
  const limited = { netns: lab.b, bandwidth: { egress: slow }, hostPorts: [port] }
  assert.throws(() => network.add({ id: 'b', ...limited }), { code: 'PortTaken' })
  network.close()
  const again = lab.open()
  assert.deepEqual(lab.detours(), [])
  assert.deepEqual(
    again.list().map(({ id }) => id),
    ['a'],
  )
  again.close()
})

const limits = { ingressRate: slow.rate, ingressBurst: slow.burst, egressRate: slow.rate, egressBurst: slow.burst }

test('the plugin limits by the capability and by its configuration, says the device, and DEL and GC take it away', async () => {
  using node = new PluginNode()
  using a = createNetns()
  using b = createNetns()
  // As containerd writes it.
  const capital = Object.fromEntries(
    Object.entries(limits).map(([key, value]) => [key.slice(0, 1).toUpperCase() + key.slice(1), value]),
  )
  const asked = node.config({ capabilities: { bandwidth: true }, runtimeConfig: { bandwidth: capital } })
  const ifbs = (): string[] => node.socket.links().flatMap(({ kind, name }) => (kind === 'ifb' ? [name] : []))
  const said = node.run('ADD', 'a', a, asked)
  assert.deepEqual(ifbs(), [(said.out['interfaces'] as { name: string }[])[3]?.name])
  node.add('b', b)
  for (const [from, to, at] of [
    [b, a, '10.22.0.2'],
    [a, b, '10.22.0.3'],
  ] as const) {
    const seconds = await send(from, to, at)
    assert.ok(seconds >= slowSeconds, `400,000 bytes in ${seconds} s`)
  }
  node.del('b', b)
  assert.equal(ifbs().length, 1)
  node.del('a', a)
  assert.deepEqual(ifbs(), [])
  const own = node.config(limits)
  node.add('a', a, own)
  node.add('b', b, { ...own, name: 'others', bridge: 'br1', ipam: { subnet: '10.23.0.0/24' } })
  assert.equal(ifbs().length, 2)
  rmSync(join(node.dataDir, 'pods'), { recursive: true })
  const gone = node.call({ CNI_COMMAND: 'GC', CNI_PATH: '/x' }, { ...own, 'cni.dev/valid-attachments': [] })
  assert.equal(gone.exitCode, 0, gone.stdout)
  assert.equal(ifbs().length, 1)
})

test('CHECK says which limit is not there any more', () => {
  using node = new PluginNode()
  using a = createNetns()
  const config = node.config(limits)
  const { out: prevResult } = node.run('ADD', 'a', a, config)
  const [, end, , detour] = prevResult['interfaces'] as { name: string }[]
  const check = (): ReturnType<typeof node.run> => node.run('CHECK', 'a', a, { ...config, prevResult })
  const indexOf = (name = ''): number => node.socket.link(name)?.index ?? assert.fail(name)
  const faster = { rate: 1_000_000n, limit: 100_000, burst: 100_000 }
  assert.equal(check().exitCode, 0)
  node.socket.apply(setLink(indexOf(detour?.name), { up: false }))
  refused(check(), 101, 'is down')
  node.socket.apply(setLink(indexOf(detour?.name), { up: true }), setTokenBucket(indexOf(detour?.name), faster))
  refused(check(), 101, 'what the container sends to 4000000 bits')
  node.socket.apply(deleteLink(detour?.name ?? ''))
  refused(check(), 101, `there is no ${detour?.name}`)
  node.socket.apply(setTokenBucket(indexOf(end?.name), faster))
  refused(check(), 101, 'what comes to the container to 4000000 bits')
  node.del('a', a, config)
})

test('limits that are none, or that nobody has built, are refused by name', () => {
  using node = new PluginNode()
  using a = createNetns()
  for (const [more, code, word] of [
    [{ ingressRate: 1000 }, 7, 'ingressRate and ingressBurst need each other'],
    [{ runtimeConfig: { bandwidth: { egressBurst: 1000 } } }, 7, 'runtimeConfig.bandwidth.egressBurst need'],
    [{ ingressRate: -1, ingressBurst: 1000 }, 7, 'ingressRate is -1'],
    [{ ingressRate: 1000, ingressBurst: 8 * 2 ** 32 }, 7, 'ingressBurst is 34359738368'],
    [{ ...limits, unshapedSubnets: ['10.0.0.0/8'] }, 2, 'unshapedSubnets'],
    [{ runtimeConfig: { bandwidth: { ...limits, shapedSubnets: ['10.0.0.0/8'] } } }, 2, 'bandwidth.shapedSubnets'],
  ] as const)
    refused(node.run('ADD', 'a', a, node.config(more)), code, word)
  assert.deepEqual([node.leases(), node.veths()], [[], 0])
})
