import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { address } from '../../src/base/address.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { diff } from '../../src/kernel/nftables/diff.ts'
import { packAddress } from '../../src/kernel/nftables/packed.ts'
import { print } from '../../src/kernel/nftables/print.ts'
import type { Ruleset } from '../../src/kernel/nftables/ruleset.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { model } from '../../src/proxy/model.ts'
import { startProxy } from '../../src/proxy/proxy.ts'
import { ClusterByHand } from '../rows/cluster-by-hand.ts'
import { aChange } from '../rows/random-cluster.ts'
import { node, service, services, slice, slices } from '../rows/services.ts'
import { log, turn } from './proxy-world.ts'
import { nft } from './nft.ts'

const { table } = families[4]

const { podCidr, serviceCidr } = node

test('nft prints the table as we do', (t: TestContext) => {
  using ns = createNetns()
  using nftables = openNftables(ns)
  const ruleset = model(services, slices, node)
  nftables.apply(diff(undefined, ruleset))
  const theirs = nft(t, ns, '-y', 'list', 'table', 'ip', 'kubehop')
  if (theirs !== undefined) assert.deepEqual(linesOf(theirs), linesOf(print(ruleset)))
})

test('after random changes the kernel holds what a fresh start would load', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(aChange, { minLength: 1, maxLength: 5 }), { maxLength: 12 }),
      async (batches) => {
        using ns = ownNetns()
        using nftables = openNftables(ns)
        const cluster = new ClusterByHand([])
        const proxy = startProxy({ client: cluster.client, nodeName: node.name, podCidr, serviceCidr, ns, log })
        using closing = new DisposableStack()
        closing.defer(() => proxy.close())
        await proxy.synced
        for (const batch of batches) {
          for (const change of batch)
            if ('put' in change) cluster.put(change.put)
            else cluster.remove(change.remove)
          await turn()
          const kernel = nftables.read(table)
          assert.deepEqual(diff(kernel, proxy.ruleset()).ops, [])
          assert.deepEqual(diff(kernel, model(cluster.services, cluster.slices, node, kernel)).ops, [])
        }
      },
    ),
    { numRuns: 40 },
  )
})

test('what somebody else does to the table is put right with the next start, and other tables are left alone', async () => {
  using ns = createNetns()
  using nftables = openNftables(ns)
  const other = { family: 'ip', name: 'other' } as const
  nftables.apply({ table: other, ops: [{ op: 'add table' }, { op: 'add chain', chain: { name: 'theirs' } }] })
  const cluster = new ClusterByHand([...services, ...slices])
  const start = async (): Promise<void> => {
    const proxy = startProxy({ client: cluster.client, nodeName: node.name, podCidr, serviceCidr, ns, log })
    await proxy.synced
    proxy.close()
  }
  await start()
  const elements = [...((nftables.read(table) ?? assert.fail()).sets.get('services')?.elements.keys() ?? [])]
    .slice(0, 2)
    .map((key) => ({ key }))
  const damage = [
    [{ op: 'delete elements', set: 'services', elements }],
    [{ op: 'flush chain', chain: 'nat-prerouting' }],
    [
      { op: 'add chain', chain: { name: 'stray' } },
      { op: 'add rule', chain: 'refuse', rule: { exprs: [] } },
    ],
    [{ op: 'delete table' }],
  ] as const
  for (const ops of damage) {
    nftables.apply({ table, ops })
    await start()
    // Ports whose elements were lost have other numbers now.
    const kernel = nftables.read(table)
    assert.deepEqual(diff(kernel, model(cluster.services, cluster.slices, node, kernel)).ops, [])
  }
  assert.deepEqual([...(nftables.read(other)?.chains.keys() ?? [])], ['theirs'])
})

test('a refused transaction leaves the last good state, and is made whole with the next try', async () => {
  using ns = createNetns()
  using nftables = openNftables(ns)
  const cluster = new ClusterByHand([...services, ...slices])
  const proxy = startProxy({ client: cluster.client, nodeName: node.name, podCidr, serviceCidr, ns, log })
  await proxy.synced
  const good = nftables.read(table)
  // Behind the proxy's back an element goes that it is about to delete: the kernel refuses the whole change.
  const key = packAddress(address('100.64.0.20'))
  nftables.apply({ table, ops: [{ op: 'delete elements', set: 'service-ips', elements: [{ key }] }] })
  const [web] = services
  cluster.remove(web ?? assert.fail())
  cluster.put(service('new', '100.64.0.50', ['http:80']), slice('new', ['100.96.1.2@node1'], ['http:8080']))
  await turn()
  assert.deepEqual(nftables.read(table)?.sets.get('services'), good?.sets.get('services'))
  assert.deepEqual(proxy.ruleset().sets.get('services')?.elements, good?.sets.get('services')?.elements)
  const isWhole = (kernel: Ruleset | undefined): boolean =>
    diff(kernel, model(cluster.services, cluster.slices, node, kernel)).ops.length === 0
  const begun = performance.now()
  while (!isWhole(nftables.read(table))) {
    assert.ok(performance.now() - begun < 10_000, 'it was never made whole')
    await turn()
  }
  proxy.close()
})

/** A network namespace that has the node's addresses. */
function ownNetns(): Netns {
  const ns = createNetns()
  using socket = openRouteSocket(ns)
  const index = socket.link('lo')?.index ?? assert.fail()
  socket.apply(...node.addresses.map((own) => addAddress({ index, address: own, prefix: 32 })))
  return ns
}

/** Every line, without the order of elements and what nft leaves unsaid because it is usual. */
function linesOf(text: string): string[] {
  return (
    text
      .replaceAll('meta l4proto tcp reject with tcp reset', 'reject with tcp reset')
      .replaceAll('reject with icmp port-unreachable', 'reject')
      .replaceAll('elements = { ', '')
      // Short elements share a line.
      .replaceAll(/, (?=\d)/g, '\n')
      .split('\n')
      .map((line) => line.trim().replace(/( \}|,)$/, ''))
      .toSorted()
  )
}
