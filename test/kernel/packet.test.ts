import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createSocket } from 'node:dgram'
import { test } from 'node:test'
import { address, addressFromBytes, cidr } from '../../src/base/address.ts'
import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import { openPacketCounter, openPacketSocket, type Packet } from '../../src/kernel/packet.ts'
import { addAddress } from '../../src/kernel/rtnetlink/address.ts'
import { deleteLink, setLink } from '../../src/kernel/rtnetlink/link.ts'
import { addLink } from '../../src/kernel/rtnetlink/linkdata.ts'
import { addRoute } from '../../src/kernel/rtnetlink/route.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp, connectTcp, listenTcp } from '../../src/kernel/socket.ts'

const left = address('10.0.0.1')
const right = address('10.0.0.2')

/** Two namespaces and a cable: 10.0.0.1 on `a`, 10.0.0.2 on `b`. */
function pair(): { a: Netns; b: Netns; [Symbol.dispose](): void } {
  const a = createNetns()
  const b = createNetns()
  using one = openRouteSocket(a)
  using other = openRouteSocket(b)
  one.apply(addLink({ kind: 'veth', name: 'eth0', peer: { name: 'eth0', ns: b } }))
  for (const [socket, ip] of [
    [one, left],
    [other, right],
  ] as const) {
    const index = socket.link('eth0')?.index ?? assert.fail()
    socket.apply(
      setLink(index, { ipv6LinkLocal: false }),
      setLink(index, { up: true }),
      addAddress({ index, address: ip, prefix: 24 }),
      addRoute({ to: cidr('0.0.0.0/0'), via: ip === left ? right : left }),
    )
  }
  // Both ends are up only now; until the kernel has seen to the cable it drops what is sent.
  for (const socket of [one, other]) assert.ok(socket.settle('eth0'))
  return {
    a,
    b,
    [Symbol.dispose]: () => {
      a.close()
      b.close()
    },
  }
}

async function request(client: Netns, server: Netns, port: number): Promise<void> {
  await using listener = createServer((socket) => socket.end('hello'))
  listener.listen({ fd: listenTcp(server, right, port) })
  const socket = connectTcp({ ns: client, address: right, port })
  await once(socket.resume(), 'close')
}

const flow = (packet: Packet): string => {
  const at = (offset: number): string => addressFromBytes(packet.bytes.subarray(offset, offset + 4))
  if (packet.protocol === 0x0806) return `${packet.kind} arp ${at(14)} ${at(24)}`
  const ports = new DataView(packet.bytes.buffer, 20)
  return `${packet.kind} ${at(12)} ${at(16)}:${ports.getUint16(2)}`
}

test('a request is seen leaving and its answer arriving, in order, with the kernel’s time', async () => {
  using net = pair()
  using wrong = openPacketSocket({ ns: net.a, device: 'eth0', filter: { hosts: [left], protocols: [6], ports: [81] } })
  using watch = openPacketSocket({
    ns: net.a,
    device: 'eth0',
    filter: { hosts: [left], protocols: [6], ports: [80], arp: true },
  })
  const before = BigInt(Date.now()) * 1_000_000n
  await request(net.a, net.b, 80)
  const packets = watch.read()
  assert.deepEqual(packets.slice(0, 3).map(flow), [
    'outgoing arp 10.0.0.1 10.0.0.2',
    'host arp 10.0.0.2 10.0.0.1',
    'outgoing 10.0.0.1 10.0.0.2:80',
  ])
  assert.match(flow(packets[3] ?? assert.fail()), /^host 10\.0\.0\.2 10\.0\.0\.1:/)
  assert.ok(packets.every((packet, i) => packet.at >= (packets[i - 1]?.at ?? before - 10_000_000n)))
  assert.ok(packets.every((packet) => packet.length === packet.bytes.length && packet.source !== undefined))
  assert.deepEqual(wrong.read(), [])
  assert.equal(watch.drops(), 0)
})

test('one socket sees a whole namespace, with or without Ethernet headers, and cuts what is long', async () => {
  using net = pair()
  await using receiver = createSocket('udp4').bind({ fd: bindUdp(net.b, right, 9) })
  await using sender = createSocket('udp4').bind({ fd: bindUdp(net.a, left, 10) })
  // The first packet waits for ARP, and few can wait with it.
  sender.send('first', 9, right)
  await once(receiver, 'message')
  using all = openPacketSocket({ ns: net.b, cooked: false, snap: 60, outgoing: false, filter: { protocols: [17] } })
  const got: Packet[] = []
  const heard = new Promise<void>((resolve) => {
    const stop = all.follow((packets) => {
      got.push(...packets)
      if (got.length < 150) return
      stop()
      resolve()
    })
  })
  for (let i = 0; i < 150; i++) sender.send(Buffer.alloc(1000, i), 9, right)
  await heard
  assert.equal(got.length, 150)
  for (const [i, packet] of got.entries()) {
    assert.deepEqual([packet.kind, packet.protocol, packet.bytes.length, packet.length], ['host', 0x0800, 60, 1042])
    assert.equal(new DataView(packet.bytes.buffer).getUint16(12), 0x0800)
    assert.equal(packet.bytes[59], i)
  }
})

test('a filter is exchanged while the socket is open, long packets are kept whole, and a counter counts what no buffer has room for', async () => {
  using net = pair()
  await using receiver = createSocket('udp4').bind({ fd: bindUdp(net.b, right, 9) })
  await using sender = createSocket('udp4').bind({ fd: bindUdp(net.a, left, 10) })
  const all = [{ code: 0x06, jt: 0, jf: 0, k: 65_536 }]
  const none = [{ code: 0x06, jt: 0, jf: 0, k: 0 }]
  const isUdp = [{ code: 0x30, jt: 0, jf: 0, k: 23 }, { code: 0x15, jt: 0, jf: 1, k: 17 }, ...all, ...none]
  using watch = openPacketSocket({ ns: net.b, cooked: false, snap: 65_536, filter: isUdp })
  using counter = openPacketCounter(net.b, isUdp)
  const send = async (size: number, count: number): Promise<void> => {
    const heard = new Promise<void>((resolve) => {
      let left = count
      receiver.on('message', () => --left === 0 && resolve())
    })
    for (let i = 0; i < count; i++) sender.send(Buffer.alloc(size, i), 9, right)
    await heard
    receiver.removeAllListeners('message')
  }
  await send(1000, 1)
  assert.equal(watch.read().length, 1)
  watch.filter(none)
  await send(1000, 40)
  assert.deepEqual(watch.read(), [])
  watch.filter(isUdp)
  await send(10, 1)
  assert.equal(watch.read().length, 1)
  assert.equal(counter.count(), 42)
  // Only loopback has an MTU for such.
  using b = openRouteSocket(net.b)
  b.apply(setLink('lo', { up: true }))
  await using local = createSocket('udp4').bind({ fd: bindUdp(net.b, right, 11) })
  const heard = once(receiver, 'message')
  local.send(Buffer.alloc(30_000, 7), 9, right)
  await heard
  const [whole] = watch.read()
  assert.deepEqual([whole?.bytes.length, whole?.length, whole?.bytes.at(-1)], [30_042, 30_042, 7])
  assert.equal(counter.count(), 44)
  counter.close()
  assert.equal(counter.count(), 44)
})

test('packets that find the buffer full are counted', async () => {
  using net = pair()
  using watch = openPacketSocket({ ns: net.b, buffer: 2048, filter: { protocols: [17] } })
  await using receiver = createSocket('udp4').bind({ fd: bindUdp(net.b, right, 9) })
  await using sender = createSocket('udp4').bind({ fd: bindUdp(net.a, left, 10) })
  // A packet passes the watch before it comes to its receiver.
  const arrived = new Promise<void>((resolve) => {
    let count = 0
    receiver.on('message', () => ++count === 50 && resolve())
  })
  for (let i = 0; i < 50; i++) sender.send(Buffer.alloc(500), 9, right)
  await arrived
  const drops = watch.drops()
  assert.equal(watch.read().length + drops, 50)
  assert.ok(drops > 0)
  assert.equal(watch.drops(), drops)
})

test('a device that is not there is an error, and one that goes away only falls silent', () => {
  using net = pair()
  assert.throws(
    () => openPacketSocket({ ns: net.a, device: 'eth7' }),
    /watch packets on eth7: ENODEV: there is no such device/,
  )
  using watch = openPacketSocket({ ns: net.a, device: 'eth0' })
  using socket = openRouteSocket(net.a)
  socket.apply(deleteLink('eth0'))
  watch.read()
  assert.deepEqual(watch.read(), [])
})
