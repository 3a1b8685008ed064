import assert from 'node:assert/strict'
import { test } from 'node:test'
import { packBe16, packU8 } from '../../src/kernel/nftables/packed.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { type TraceEvent, watchTraces } from '../../src/kernel/nftables/trace.ts'
import { watchedCount } from '../../src/kernel/reactor.ts'
import { families } from '../../src/proxy/layout/family.ts'
import { startProxy } from '../../src/proxy/proxy.ts'
import { ClusterByHand } from '../rows/cluster-by-hand.ts'
import { node, services, slices } from '../rows/services.ts'
import { log, World } from './proxy-world.ts'

const { table } = families[4]

test('a flagged packet tells every rule that it meets, on its way to an endpoint and to a refusal', async () => {
  await using world = new World()
  const { podCidr, serviceCidr } = node
  const cluster = new ClusterByHand([...services, ...slices])
  const proxy = startProxy({ client: cluster.client, nodeName: node.name, podCidr, serviceCidr, ns: world.node, log })
  using closing = new DisposableStack()
  closing.defer(() => proxy.close())
  await proxy.synced
  using nftables = openNftables(world.node)
  nftables.apply({
    table: { family: 'ip', name: 'flag' },
    ops: [
      { op: 'add table' },
      {
        op: 'add chain',
        chain: { name: 'in', hook: { type: 'filter', hook: 'prerouting', priority: -300, policy: 'accept' } },
      },
      {
        op: 'add rule',
        chain: 'in',
        rule: {
          exprs: [
            { kind: 'payload', base: 'transport', offset: 2, length: 2, to: 0 },
            { kind: 'cmp', from: 0, op: 'eq', value: packBe16(80) },
            { kind: 'immediate', to: 0, value: packU8(1) },
            { kind: 'meta', key: 'nftrace', from: 0 },
          ],
        },
      },
    ],
  })
  const comments = new Map(nftables.rules(table).map((rule) => [rule.handle, rule.comment ?? '']))
  let lost = 0
  const heard: TraceEvent[] = []
  const enough = Promise.withResolvers<void>()
  let until: (event: TraceEvent) => boolean = () => false
  const stop = watchTraces(
    world.node,
    (event) => {
      heard.push(event)
      if (until(event)) enough.resolve()
    },
    () => lost++,
  )
  closing.defer(stop)
  const story = (): string[] =>
    heard
      .filter((event) => event.table === table.name && event.handle !== undefined)
      .map(({ chain, handle, verdict }) => `${chain}: ${comments.get(handle ?? 0n)}: ${verdict?.verdict}`)

  until = (event) => event.chain === 'refuse' && event.verdict?.verdict === 'drop'
  assert.equal(await world.ask('100.96.1.2', '100.64.0.22', 80), 'refused')
  await enough.promise
  assert.deepEqual(story(), ['filter-prerouting: a service without endpoints: goto', 'refuse: : drop'])
  const [first] = heard
  assert.equal(first?.family, 'ip')
  assert.equal(new Set(heard.map((event) => event.id)).size, 1)
  const packet = heard.find((event) => event.network) ?? assert.fail('no packet')
  assert.deepEqual([...(packet.network?.subarray(12, 20) ?? [])], [100, 96, 1, 2, 100, 64, 0, 22])
  assert.deepEqual(packet.transport && Buffer.from(packet.transport).readUInt16BE(2), 80)
  assert.ok((packet.iif ?? 0) > 0 && packet.oif === undefined)

  heard.length = 0
  const served = Promise.withResolvers<void>()
  until = (event) => {
    if (event.chain === 'nat-postrouting' && event.type === 'policy') served.resolve()
    return false
  }
  assert.equal(typeof (await world.ask('100.96.1.2', '100.64.0.20', 80)), 'object')
  await served.promise
  assert.deepEqual(story().slice(0, 3), [
    'nat-prerouting: to a service: pick one of its endpoints: goto',
    'pick-3: one of 3 endpoints, at random: accept',
    'filter-prerouting: not to a service: accept',
  ])
  assert.equal(heard.find((event) => event.chain === 'nat-postrouting' && event.type === 'policy')?.policy, 'accept')
  assert.equal(lost, 0)
  closing.dispose()
  assert.equal(watchedCount(), 0)
})
