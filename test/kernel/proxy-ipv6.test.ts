import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { after, before, test } from 'node:test'
import type { EndpointSlice } from '../../src/api/objects/endpointslice.ts'
import type { Service, ServiceSpec } from '../../src/api/objects/service.ts'
import { type Address, address, cidr } from '../../src/base/address.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { connectTcp, listenTcp } from '../../src/kernel/socket.ts'
import { decide } from '../../src/proxy/decide.ts'
import { model } from '../../src/proxy/model.ts'
import type { NodeFacts } from '../../src/proxy/node.ts'

// The table of the other address family, in a real kernel: the node is everybody at once, on addresses of its loopback device.

const own = address('fd00:3::11')
const node: NodeFacts = {
  name: 'node1',
  podCidr: cidr('fd00:2::/64'),
  serviceCidr: cidr('fd00:1::/112'),
  nodePortAddresses: [own],
  addresses: [own],
}
const pods = ['fd00:2::5', 'fd00:2::6'].map(address)
const outside = address('2001:db8::7')

const services = [
  service('web', 'fd00:1::10'),
  service('sticky', 'fd00:1::11', { sessionAffinity: 'ClientIP' }),
  service('none', 'fd00:1::12'),
  service('ports', 'fd00:1::13', { type: 'NodePort', ports: [{ port: 80, nodePort: 30080 }] }),
  service('balanced', 'fd00:1::14', {
    type: 'LoadBalancer',
    loadBalancerSourceRanges: ['2001:db8:1::/48', '10.0.0.0/8'],
  }),
]
const slices = ['web', 'sticky', 'ports', 'balanced'].map(slice)

let ns: Netns
const servers: ReturnType<typeof createServer>[] = []

before(() => {
  ns = createNetns()
  using routes = openRouteSocket(ns)
  const lo = routes.link('lo')?.index ?? 1
  routes.apply(
    setLink('lo', { up: true }),
    ...[...pods, own, outside].map((each) => addAddress({ index: lo, address: each, prefix: 128 })),
    // Whoever sends needs a way there before the rules change where that is.
    ...services.map(({ spec }) => addAddress({ index: lo, address: address(spec.clusterIP ?? ''), prefix: 128 })),
  )
  for (const pod of pods) {
    const server = createServer((socket) => socket.end(pod))
    server.listen({ fd: listenTcp(ns, pod, 8080) })
    servers.push(server)
  }
  using nftables = openNftables(ns)
  nftables.apply(diff(undefined, model(services, slices, node)))
})

after(async () => {
  for (const server of servers) {
    server.close()
    await once(server, 'close')
  }
  ns.close()
})

test('what was loaded is what was wanted, and nft can read it', (t) => {
  using nftables = openNftables(ns)
  const wanted = model(services, slices, node)
  assert.equal(wanted.table.family, 'ip6')
  assert.deepEqual(diff(nftables.read(wanted.table), wanted).ops, [])
  try {
    const text = inNetns(ns, () => execFileSync('nft', ['list', 'table', 'ip6', 'kubehop'], { encoding: 'utf8' }))
    assert.match(text, /ip6 daddr/)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    t.skip('nft is not installed')
  }
})

const asked: [string, Address, number][] = [
  ['a service', address('fd00:1::10'), 80],
  ['a sticky service', address('fd00:1::11'), 80],
  ['a service without endpoints', address('fd00:1::12'), 80],
  ['a port that a service does not have', address('fd00:1::10'), 81],
  ['a node port', own, 30080],
]

for (const [say, to, port] of asked)
  test(`the kernel and the tracer agree on ${say}`, async () => {
    const ruleset = model(services, slices, node)
    const { action } = decide(ruleset, { from: own, to, port, protocol: 'TCP', byNode: true })
    const answers = new Set<string>()
    for (let i = 0; i < 20; i++) answers.add(await ask(to, port))
    if (action.is === 'endpoint') {
      assert.deepEqual([...answers].sort(), say.includes('sticky') ? [[...answers][0]] : pods)
      assert.ok([...answers].every((by) => (pods as string[]).includes(by)))
    } else {
      assert.equal(action.is, 'reject')
      assert.deepEqual([...answers], ['refused'])
    }
  })

test('ranges of the other family restrict nobody of this one away', () => {
  const from = address('2001:db8:1::5')
  const balanced: Service = { ...services[4], status: { loadBalancer: { ingress: [{ ip: outside }] } } } as Service
  const ruleset = model([balanced], slices, node)
  const to = { to: outside, port: 80, protocol: 'TCP' } as const
  assert.equal(decide(ruleset, { from, ...to }).action.is, 'endpoint')
  assert.equal(decide(ruleset, { from: address('2001:db8:2::5'), ...to }).action.is, 'drop')
  // Without an address in its status it has none.
  assert.equal(decide(model(services, slices, node), { from, ...to }).action.is, 'none')
})

async function ask(to: Address, port: number): Promise<string> {
  const socket = connectTcp({ ns, address: to, port }).setEncoding('utf8')
  try {
    const [data] = await once(socket, 'data')
    return String(data)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return 'refused'
    throw error
  } finally {
    socket.destroy()
  }
}

function service(name: string, clusterIP: string, spec: ServiceSpec = {}): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop' },
    spec: { clusterIP, clusterIPs: [clusterIP], ports: [{ port: 80 }], ...spec },
  }
}

function slice(of: string): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: of, namespace: 'shop', labels: { 'kubernetes.io/service-name': of } },
    addressType: 'IPv6',
    endpoints: pods.map((pod) => ({ addresses: [pod] })),
    ports: [{ port: 8080 }],
  }
}
