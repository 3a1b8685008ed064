import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import { ask, asked, brief, ranges, type Row, stateOf } from '../testing/foretold.ts'
import type { Verdict } from '../types.ts'
import { predict } from './predict.ts'
import { promisedNode, promisedPod, promisedRouter } from './promised.ts'

// (cluster, request) -> the way there and back, and the verdict.

const unknown: readonly Verdict[] = ['delivered', 'refused']
const toFar = 'client sent, node1 veth bridge route, router route, node2 bridge, far delivered'

const rows: readonly Row[] = [
  {
    title: 'a pod on another node is reached through the router',
    to: '100.96.2.2:8080',
    there: toFar,
    back: 'far answered, node2 veth bridge route, router route, node1 bridge, client delivered',
    verdicts: unknown,
  },
  {
    title: 'a service becomes its only endpoint',
    to: '100.64.0.20:80',
    there: 'client sent, node1 veth translated bridge route, router route, node2 bridge, far delivered',
    back: 'far answered, node2 veth bridge route, router route, node1 translated bridge, client delivered',
    verdicts: unknown,
  },
  {
    title: 'a port that it does not have is refused',
    to: '100.64.0.20:81',
    there: 'client sent, node1 veth rejected',
    back: 'node1 bridge, client delivered',
    verdicts: ['rejected'],
  },
  {
    title: 'a service without endpoints is refused',
    to: '100.64.0.20:80',
    endpoints: [],
    there: 'client sent, node1 veth rejected',
    back: 'node1 bridge, client delivered',
    verdicts: ['rejected'],
  },
  {
    title: 'an endpoint that is not ready is none',
    to: '100.64.0.20:80',
    conditions: { ready: false, serving: false },
    there: 'client sent, node1 veth rejected',
    back: 'node1 bridge, client delivered',
    verdicts: ['rejected'],
  },
  {
    title: 'where none is ready, one that serves while it ends is taken',
    to: '100.64.0.20:80',
    conditions: { ready: false, serving: true, terminating: true },
    there: 'client sent, node1 veth translated bridge route, router route, node2 bridge, far delivered',
    verdicts: unknown,
  },
  {
    title: 'without an endpoint on its node, policy Local drops',
    to: '100.64.0.20:80',
    web: { internalTrafficPolicy: 'Local' },
    there: 'client sent, node1 veth dropped',
    back: '',
    verdicts: ['dropped'],
  },
  {
    title: 'an address that no service has is dropped',
    to: '100.64.9.9:80',
    there: 'client sent, node1 veth dropped',
    back: '',
    verdicts: ['dropped'],
  },
  {
    title: 'a pod reaches itself through its service as its node',
    to: '100.64.0.20:80',
    endpoints: ['100.96.1.2'],
    there: 'client sent, node1 veth translated translated bridge, client delivered',
    back: 'client answered, node1 veth translated translated bridge, client delivered',
    verdicts: unknown,
  },
  {
    title: 'a node port of another node is decided there, and masqueraded',
    to: '192.168.50.12:30080',
    web: { type: 'NodePort', ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }] },
    there: 'client sent, node1 veth bridge route, node2 translated translated bridge, far delivered',
    back: 'far answered, node2 veth translated bridge translated route, router route, node1 bridge, client delivered',
    verdicts: unknown,
  },
  {
    title: 'a load balancer is not for senders out of its ranges',
    from: 'client',
    to: '203.0.113.7:80',
    web: { type: 'LoadBalancer', loadBalancerSourceRanges: ['198.51.100.0/24'] },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } },
    there: 'client sent, node1 veth dropped',
    verdicts: ['dropped'],
  },
  {
    title: 'a port of the node leads to its pod',
    from: 'outside',
    to: '192.168.50.12:8888',
    far: { containers: [{ name: 'one', ports: [{ containerPort: 8080, hostPort: 8888 }] }] },
    there: 'outside sent route, router route, node2 translated bridge, far delivered',
    verdicts: unknown,
  },
  {
    title: 'the router is a machine',
    to: '192.168.50.1:80',
    there: 'client sent, node1 veth bridge route, router delivered',
    verdicts: unknown,
  },
  {
    title: 'an address that nobody on the bridge has is asked for in vain',
    to: '100.96.1.77:80',
    there: 'client dropped',
    back: '',
    verdicts: ['unreachable', 'no-answer'],
  },
  {
    title: 'an address that no pod of another node has is unreachable there',
    to: '100.96.2.77:80',
    there: 'client sent, node1 veth bridge route, router route, node2 dropped',
    back: 'node2 route, router route, node1 bridge, client delivered',
    verdicts: ['unreachable', 'no-answer'],
  },
  {
    title: 'nothing is known of the world',
    to: '8.8.8.8:53',
    there: 'client sent, node1 veth bridge route, router dropped',
    verdicts: ['unreachable', 'no-answer'],
  },
  { title: 'itself is reached on lo', to: '100.96.1.2:80', there: 'client sent delivered', verdicts: unknown },
  {
    title: 'a service answers no echo',
    protocol: 'icmp',
    to: '100.64.0.20:0',
    there: 'client sent, node1 veth rejected',
    verdicts: ['rejected'],
  },
  { title: 'a pod answers echoes', protocol: 'icmp', to: '100.96.2.2:0', there: toFar, verdicts: ['delivered'] },
  {
    title: 'HTTP may go without an answer',
    protocol: 'http',
    to: '100.96.2.2:8080',
    there: toFar,
    verdicts: ['delivered', 'no-answer', 'refused'],
  },
  {
    title: 'a node sends by its own rules',
    from: 'node1',
    to: '100.64.0.20:80',
    there: 'node1 sent translated translated route, router route, node2 bridge, far delivered',
    back: 'far answered, node2 veth bridge route, node1 translated translated delivered',
    verdicts: unknown,
  },
  {
    title: 'a declared port that is another makes a refusal likely',
    to: '100.96.2.2:80',
    far: { containers: [{ name: 'one', ports: [{ containerPort: 8080 }] }] },
    there: toFar,
    verdicts: ['refused', 'delivered'],
  },
  {
    title: 'a kernel that does not forward throws away',
    to: '100.96.2.2:8080',
    states: (cluster) => [
      stateOf(promisedNode(cluster, ranges, cluster.nodes[0] ?? assert.fail()), { forwards: false }),
    ],
    there: 'client sent, node1 veth bridge dropped',
    back: '',
    verdicts: ['no-answer'],
  },
  {
    title: 'a router without the line for a node says so',
    to: '100.96.2.2:8080',
    states: (cluster) => {
      const router = promisedRouter(cluster, ranges, []) ?? assert.fail()
      return [stateOf(router, { routes: router.routes.filter(({ via }) => via !== '192.168.50.12') })]
    },
    there: 'client sent, node1 veth bridge route, router dropped',
    verdicts: ['unreachable', 'no-answer'],
  },
  {
    title: 'a socket that waits is known, and so is one that does not',
    to: '100.96.2.2:8080',
    states: (cluster) => [
      stateOf(promisedPod(cluster, cluster.pods[1] ?? assert.fail()) ?? assert.fail(), {
        listeners: [{ protocol: 'tcp', address: address('127.0.0.1'), port: 8080 }],
      }),
    ],
    there: 'client sent, node1 veth bridge route, router route, node2 bridge, far rejected',
    verdicts: ['refused'],
  },
  {
    title: 'without br_netfilter a service on the own node is answered past the rules',
    to: '100.64.0.20:80',
    endpoints: ['100.96.1.3'],
    states: (cluster) => [
      stateOf(promisedNode(cluster, ranges, cluster.nodes[0] ?? assert.fail()), { filtersBridged: false }),
    ],
    there: 'client sent, node1 veth bridge translated bridge, near delivered',
    back: 'near answered, node1 veth bridge, client delivered',
    verdicts: ['no-answer'],
  },
]

for (const row of rows)
  test(row.title, () => {
    const prediction = ask(row)
    assert.equal(brief(prediction.hops), row.there)
    if (row.back !== undefined) assert.equal(brief(prediction.reply), row.back)
    assert.deepEqual(prediction.verdicts, row.verdicts)
    for (const { say, because } of [...prediction.hops, ...prediction.reply])
      assert.ok(say !== '' && because.text !== '', say)
  })

test('every endpoint that may be drawn is told, and the one that was is taken', () => {
  const row = { ...(rows[1] ?? assert.fail()), endpoints: ['100.96.2.2', '100.96.1.3'] }
  const { endpoints } = ask(row)
  assert.deepEqual(endpoints.map(({ pod }) => pod).sort(), ['shop/far', 'shop/near'])
  const drawn = predict({ ...asked(row), drawn: '100.96.1.3:8080' })
  assert.equal(drawn.hops.at(-1)?.place, 'near')
})

test('the sentences name the objects that decide', () => {
  const { hops } = ask(rows[1] ?? assert.fail())
  const chosen = hops.find(({ action }) => action === 'translated')
  assert.equal(chosen?.say, 'service shop/web: 100.64.0.20:80 becomes 100.96.2.2:8080, pod far, the only one')
  assert.equal(chosen?.because.text, 'service shop/web, endpoint slice web-1: the only one')
  assert.equal(hops.find(({ place }) => place === 'router')?.say, '100.96.2.0/24 belongs to node2 (192.168.50.12)')
})
