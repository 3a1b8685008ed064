import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { packU8 } from '../../src/kernel/nftables/packed.ts'
import { openNftables } from '../../src/kernel/nftables/socket.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import type { Netns } from '../../src/kernel/netns.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('near', 'node1')
  world.pod('far', 'node2')
  world.service('web', '100.64.0.30', 80, 8080, ['far'])
  world.service('empty', '100.64.0.31', 80, 8080, [])
  world.teach()
  await world.web('far')
  await world.program('far', `require('dgram').createSocket('udp4').bind(5050, () => console.log('ready'))`)
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

/** A device with another MTU for as long as the body runs. */
async function withMtu(ns: Netns, device: string, mtu: number, body: () => Promise<void>): Promise<void> {
  using socket = openRouteSocket(ns)
  const link = socket.link(device)
  assert.ok(link)
  socket.apply(setLink(link.index, { mtu }))
  try {
    await body()
  } finally {
    socket.apply(setLink(link.index, { mtu: link.mtu }))
  }
}

/** "Fragmentation needed", and every other ICMP error, does not get out of a node. */
async function withoutErrors(ns: Netns, body: () => Promise<void>): Promise<void> {
  const table = { family: 'ip', name: 'silence' } as const
  using nft = openNftables(ns)
  nft.apply({
    table,
    ops: [
      { op: 'add table' },
      {
        op: 'add chain',
        chain: { name: 'out', hook: { type: 'filter', hook: 'output', priority: 0, policy: 'accept' } },
      },
      {
        op: 'add rule',
        chain: 'out',
        rule: {
          comment: 'no errors',
          exprs: [
            { kind: 'meta', key: 'l4proto', to: 0 },
            { kind: 'cmp', from: 0, op: 'eq', value: packU8(1) },
            { kind: 'payload', base: 'transport', offset: 0, length: 1, to: 0 },
            { kind: 'cmp', from: 0, op: 'eq', value: packU8(3) },
            { kind: 'immediate', verdict: { verdict: 'drop' } },
          ],
        },
      },
    ],
  })
  try {
    await body()
  } finally {
    nft.apply({ table, ops: [{ op: 'delete table' }] })
  }
}

test('where every device takes 1500 bytes, 1500 pass: one packet tells', async () => {
  const trace = await world.trace('client', 'svc/web', { sizes: true })
  assert.equal(trace.verdict, 'delivered')
  const { sizes } = trace
  assert.equal(sizes?.say, `echo requests to pod far (${world.addressOf('far')})`)
  assert.equal(sizes?.largest, 1500)
  assert.deepEqual(sizes?.tried, [{ bytes: 1500, passed: true }])
  assert.deepEqual(
    sizes?.hops.map(({ place, device, mtu }) => `${place} ${device} ${mtu}`),
    [
      'client eth0 1500',
      'node1 veth1 1500',
      'node1 cbr0 1500',
      'node1 eth0 1500',
      'router eth0 1500',
      'node2 eth0 1500',
      'node2 cbr0 1500',
      'node2 veth1 1500',
      'far eth0 1500',
    ],
  )
})

test('an answer that took its time is given more to be measured, and any time can be asked for', async () => {
  const late = `setTimeout(() => response.end('late'), 60.5)`
  const script = `require('http').createServer((_, response) => { ${late} }).listen(8090, () => console.log('ready'))`
  await world.program('near', script)
  const slow = await world.trace('client', `http://${world.addressOf('near')}:8090/`, { sizes: true })
  assert.deepEqual([slow.verdict, slow.ms > 50, slow.sizes?.largest], ['delivered', true, 1500])
  for (const timeoutMs of [0.5, 400.25]) {
    const { verdict } = await world.trace('client', 'udp://pod/far:5050', { timeoutMs })
    // To a socket that answers nothing.
    assert.equal(verdict, 'delivered', `${timeoutMs} ms`)
  }
})

test('a smaller link behind a router that says so is found in two packets', async () => {
  for (const to of ['svc/web', 'udp://pod/far:5050'])
    await withMtu(world.node('node1'), 'eth0', 1200, async () => {
      const { sizes } = await world.trace('client', to, { sizes: true, timeoutMs: 500 })
      assert.equal(sizes?.largest, 1200)
      assert.deepEqual(sizes?.tried, [
        {
          bytes: 1500,
          passed: false,
          at: { place: 'node1', device: 'cbr0' },
          by: 'node1',
          mtu: 1200,
          say: 'node1 says no: the packet has 1500 bytes, the next link takes 1200, and it must not be cut (ICMP: fragmentation needed)',
        },
        { bytes: 1200, passed: true },
      ])
      assert.equal(sizes?.hops.find(({ place, device }) => place === 'node1' && device === 'eth0')?.mtu, 1200)
    })
})

test('one whose rules keep it silent about it is found all the same, called by its name, and the rule by its', async () => {
  await withMtu(world.node('node1'), 'eth0', 1200, () =>
    withoutErrors(world.node('node1'), async () => {
      const { sizes } = await world.trace('client', 'svc/web', { sizes: true })
      assert.equal(sizes?.largest, 1200)
      const lost = sizes?.tried.filter(({ passed }) => !passed) ?? []
      assert.ok(lost.length > 1)
      for (const { bytes, at, by, say } of lost) {
        assert.deepEqual([at, by], [{ place: 'node1', device: 'cbr0' }, undefined])
        assert.equal(
          say,
          `node1 says no: the packet has ${bytes} bytes, the next link takes 1200, and it must not be cut (ICMP: fragmentation needed), and a rule of node1 is against that: nobody heard it (silence out: "no errors" -> drop); next would be node1’s eth0, which takes 1200`,
        )
      }
      assert.ok(sizes?.tried.some(({ bytes, passed }) => bytes === 1201 && !passed))
    }),
  )
})

test('a pod’s card that takes less is a black hole: the cable says nothing', async () => {
  await withMtu(world.netns('far'), 'eth0', 1000, async () => {
    const { sizes } = await world.trace('client', 'tcp://pod/far:8080', { sizes: true })
    // A veth lets four bytes more in: room for a VLAN's tag (is_skb_forwardable).
    assert.equal(sizes?.largest, 1004)
    const smallest = sizes?.tried.filter(({ passed }) => !passed).at(-1)
    assert.deepEqual(
      [smallest?.bytes, smallest?.by, smallest?.at, smallest?.say],
      [
        1005,
        undefined,
        { place: 'node2', device: 'veth1' },
        'not seen behind node2’s veth1, and nobody said so; next would be far’s eth0, which takes 1000',
      ],
    )
    assert.deepEqual(sizes?.hops.at(-1), { place: 'far', device: 'eth0', mtu: 1000 })
  })
})

test('two smaller links, one behind the other, are both found', async () => {
  await withMtu(world.node('node1'), 'eth0', 1400, () =>
    // Its bridge takes no more than its smallest port.
    withMtu(world.node('node2'), 'veth1', 900, async () => {
      const { sizes } = await world.trace('client', 'icmp://pod/far', { sizes: true })
      assert.equal(sizes?.largest, 900)
      assert.deepEqual(
        sizes?.tried.map(({ bytes, by }) => [bytes, by]),
        [
          [1500, 'node1'],
          [1400, 'node2'],
          [900, undefined],
        ],
      )
    }),
  )
})

test('one size is one packet; what the first device does not take goes in pieces, which confuse nobody', async () => {
  const one = async (to: string, sizes: number): Promise<unknown> =>
    (await world.trace('client', to, { sizes, timeoutMs: 500 })).sizes?.tried.map(({ bytes, passed, by, cut }) => ({
      bytes,
      passed,
      ...(by !== undefined && { by }),
      ...(cut && { cut }),
    }))
  assert.deepEqual(await one('icmp://pod/near', 1000), [{ bytes: 1000, passed: true }])
  for (const [to, bytes] of [
    ['icmp://pod/far', 4000],
    ['udp://pod/far:5050', 4000],
    ['icmp://pod/far', 60_000],
    ['udp://pod/near:5050', 1501],
  ] as const)
    assert.deepEqual(
      await one(to, bytes),
      [
        { bytes, passed: false, by: 'client' },
        { bytes, passed: true, cut: true },
      ],
      to,
    )
})

test('the sizes of a way that leads to nobody cannot be measured, and that is said', async () => {
  const { sizes } = await world.trace('client', 'svc/empty', { sizes: true })
  assert.deepEqual(sizes, {
    tried: [],
    hops: [],
    say: 'the request came to no pod, so there is no way to measure',
  })
})
