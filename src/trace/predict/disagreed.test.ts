import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { ask, asked, brief, ranges, type Row, stateOf } from '../testing/foretold.ts'
import { agreement } from './agreement.ts'
import type { Machine, MachineDevice } from './machine.ts'
import { predict } from './predict.ts'
import { promisedNode, promisedPod, promisedRouter } from './promised.ts'

// What kernels did in random clusters (test/kernel/trace-random.test.ts) while something else had been foretold.

const toFar = 'client sent, node1 veth bridge route, router route, node2 bridge, far delivered'
const nobody = '02:00:00:00:0b:ad'

const rows: readonly Row[] = [
  {
    title: 'a load balancer’s address that no rule takes goes in a circle until its time to live is used up',
    from: 'outside',
    to: '203.0.113.7:81',
    web: { type: 'LoadBalancer' },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } },
    there: 'outside sent route, router route, node1 route dropped',
    back: 'node1 route, router route, outside delivered',
    verdicts: ['unreachable'],
  },
  {
    title: 'a program whose queue is full hears nothing of another connection',
    to: '100.96.2.2:8080',
    states: (cluster) => [
      stateOf(promisedPod(cluster, cluster.pods[1] ?? assert.fail()) ?? assert.fail(), {
        listeners: [{ protocol: 'tcp', address: address('0.0.0.0'), port: 8080, full: true }],
      }),
    ],
    there: toFar,
    verdicts: ['no-answer', 'delivered'],
  },
  {
    title: 'a node whose card is down answers nobody, whatever its other devices are',
    to: '100.96.2.2:8080',
    states: (cluster) => {
      const node = promisedNode(cluster, ranges, cluster.nodes[1] ?? assert.fail())
      const devices = node.devices.map((one) => (one.name === 'eth0' ? { ...one, up: false } : one))
      return [stateOf(node, { devices })]
    },
    there: 'client sent, node1 veth bridge route, router dropped',
    verdicts: ['unreachable', 'no-answer'],
  },
  {
    title: 'a bridge that is down carries nothing from pod to pod',
    to: '100.96.1.3:8080',
    states: (cluster) => {
      const node = promisedNode(cluster, ranges, cluster.nodes[0] ?? assert.fail())
      const devices = node.devices.map((one) => (one.isBridge ? { ...one, up: false } : one))
      return [stateOf(node, { devices })]
    },
    there: 'client dropped',
    verdicts: ['unreachable', 'no-answer'],
  },
  {
    title: 'an Ethernet address that nobody has takes a packet nowhere',
    to: '100.96.2.2:8080',
    states: (cluster) => {
      const router = promisedRouter(cluster, ranges, []) ?? assert.fail()
      const entry = { address: address('192.168.50.12'), device: 'eth0', mac: nobody }
      const node = promisedNode(cluster, ranges, cluster.nodes[1] ?? assert.fail())
      return [stateOf(router, { neighbours: [entry] }), stateOf(node, { devices: withMac(node, '02:00:00:00:00:12') })]
    },
    there: 'client sent, node1 veth bridge route, router route dropped',
    back: '',
    verdicts: ['no-answer'],
  },
  {
    title: 'an Ethernet address that was entered and is right changes nothing',
    to: '100.96.2.2:8080',
    states: (cluster) => {
      const router = promisedRouter(cluster, ranges, []) ?? assert.fail()
      const node = promisedNode(cluster, ranges, cluster.nodes[1] ?? assert.fail())
      const entry = { address: address('192.168.50.12'), device: 'eth0', mac: nobody }
      return [stateOf(router, { neighbours: [entry] }), stateOf(node, { devices: withMac(node, nobody) })]
    },
    there: toFar,
    verdicts: ['delivered', 'refused'],
  },
  {
    title: 'a frame for nobody is flooded out of the bridge’s other ports, and lost',
    to: '100.96.1.3:8080',
    states: (cluster) => {
      const [client, , near] = cluster.pods.map((pod) => promisedPod(cluster, pod))
      if (!client || !near) throw new Error('the fixture has changed')
      const entry = { address: address('100.96.1.3'), device: 'eth0', mac: nobody }
      return [stateOf(client, { neighbours: [entry] }), stateOf(near, { devices: withMac(near, '02:00:00:00:00:03') })]
    },
    there: 'client sent, node1 veth dropped',
    back: '',
    verdicts: ['no-answer'],
  },
]

function withMac({ devices }: Machine, mac: string): MachineDevice[] {
  return devices.map((one) => (one.name === 'eth0' ? { ...one, mac } : one))
}

for (const row of rows)
  test(row.title, () => {
    const prediction = ask(row)
    assert.equal(brief(prediction.hops), row.there)
    if (row.back !== undefined) assert.equal(brief(prediction.reply), row.back)
    assert.deepEqual(prediction.verdicts, row.verdicts)
  })

test('a datagram’s answer may come from the address by which its machine reaches who asked', () => {
  const row: Row = {
    title: '',
    to: '100.64.0.20:80',
    protocol: 'udp',
    web: { ports: [{ port: 80, targetPort: 8080, protocol: 'UDP' }] },
    there: '',
    verdicts: [],
  }
  const { cluster, ...rest } = asked(row)
  const [slice] = cluster.slices
  const endpoints = [{ addresses: ['192.168.50.11'], nodeName: 'node1', conditions: { ready: true } }]
  const ports = [{ name: '', port: 8080, protocol: 'UDP' as const }]
  const slices = slice ? [{ ...slice, endpoints, ports }] : []
  const node = promisedNode(cluster, ranges, cluster.nodes[0] ?? assert.fail())
  const listeners = [{ protocol: 'udp' as const, address: address('0.0.0.0'), port: 8080 }]
  const prediction = predict({ ...rest, cluster: { ...cluster, slices }, states: [stateOf(node, { listeners })] })
  const { hops, reply, otherReply = [] } = prediction
  assert.equal(reply.at(-1)?.packet.src, '100.64.0.20:80')
  assert.equal(otherReply.at(-1)?.packet.src, '100.96.1.1:8080')
  for (const way of [reply, otherReply])
    assert.equal(agreement(prediction, { hops, reply: way, verdict: 'delivered' }, new Set()), undefined)
  const strange = otherReply.map((hop) => ({ ...hop, packet: { ...hop.packet, src: '100.96.1.9:8080' } }))
  assert.match(
    agreement(prediction, { hops, reply: strange, verdict: 'delivered' }, new Set()) ?? '',
    /on the way back/,
  )
})
