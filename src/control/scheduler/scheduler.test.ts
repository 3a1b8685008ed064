import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import { agents, cluster, object, start } from '../testing.ts'
import { place } from './scheduler.ts'

const node = (name: string, spec: Node['spec'] = {}, labels = {}, status = 'True', pods = '110'): Node =>
  object('Node', name, {
    metadata: { labels },
    spec,
    status: { conditions: [{ type: 'Ready', status }], allocatable: { pods } },
  })
const three = ['node1', 'node2', 'node3'].map((name) => node(name))

const pod = (name: string, spec: Partial<Pod['spec']> = {}, metadata = {}): Pod =>
  object('Pod', name, { metadata, spec: { containers: [{ name: 'c' }], ...spec } })
const of = (owner: string) => ({
  ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }],
})
const port = (hostPort: number, rest = {}) => ({
  containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort, ...rest }] }],
})

/** `a=node1`, or `a: why not`. */
const placed = (pods: Pod[], nodes: Node[] = three): string[] =>
  place(pods, nodes, start).actions.flatMap((action) => {
    if (action.do === 'bind') return [`${action.name}=${action.node}`]
    return action.do === 'tell' && action.type === 'Warning' ? [`${action.about.name}: ${action.message}`] : []
  })

test('pods go where the fewest of their owner are, then where the fewest are', () => {
  assert.deepEqual(
    placed([pod('a', {}, of('x')), pod('b', {}, of('x')), pod('c', {}, of('x')), pod('d', {}, of('x'))]),
    ['a=node1', 'b=node2', 'c=node3', 'd=node1'],
  )
  const there = [pod('old1', { nodeName: 'node1' }), pod('old2', { nodeName: 'node2' }, of('x'))]
  assert.deepEqual(placed([...there, pod('a', {}, of('x'))]), ['a=node3'])
  assert.deepEqual(placed([...there, pod('other', { nodeName: 'node3' }, of('x')), pod('a', {}, of('x'))]), ['a=node1'])
  assert.deepEqual(placed([...there, pod('lonely')]), ['lonely=node3'])
})

test('the oldest pod is placed first; ended pods take no room', () => {
  const at = (creationTimestamp: string) => ({ creationTimestamp })
  const one = [node('node1', {}, {}, 'True', '1')]
  const done = { ...pod('done', { nodeName: 'node1' }), status: { phase: 'Succeeded' as const } }
  assert.deepEqual(
    placed([done, pod('a', {}, at('2026-01-02T00:00:00Z')), pod('b', {}, at('2026-01-01T00:00:00Z'))], one),
    ['b=node1', 'a: 0/1 nodes are available: 1 Too many pods.'],
  )
})

test('a pod that fits nowhere is told why, in the words of kube-scheduler', () => {
  const taint = { key: 'gpu', value: 'only', effect: 'NoSchedule' }
  const rows: [string, Pod[], Node[], string[]][] = [
    ['no nodes', [pod('a')], [], ['a: no nodes available to schedule pods']],
    [
      'not ready',
      [pod('a')],
      [node('n', {}, {}, 'False'), node('m', {}, {}, 'Unknown')],
      ['a: 0/2 nodes are available: 2 node(s) had untolerated taint {node.kubernetes.io/not-ready: }.'],
    ],
    [
      'cordoned',
      [pod('a')],
      [node('n', { unschedulable: true })],
      ['a: 0/1 nodes are available: 1 node(s) were unschedulable.'],
    ],
    [
      'cordoned, tolerated',
      [pod('a', { tolerations: [{ operator: 'Exists' }] })],
      [node('n', { unschedulable: true })],
      ['a=n'],
    ],
    [
      'taint',
      [pod('a')],
      [node('n', { taints: [taint] })],
      ['a: 0/1 nodes are available: 1 node(s) had untolerated taint {gpu: only}.'],
    ],
    ['a wish is no taint', [pod('a')], [node('n', { taints: [{ ...taint, effect: 'PreferNoSchedule' }] })], ['a=n']],
    [
      'tolerated',
      [pod('a', { tolerations: [{ key: 'gpu', value: 'only' }] })],
      [node('n', { taints: [taint] })],
      ['a=n'],
    ],
    [
      'selector',
      [pod('a', { nodeSelector: { disk: 'ssd' } })],
      [node('n'), node('m', {}, { disk: 'hdd' })],
      ["a: 0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector."],
    ],
    ['selected', [pod('a', { nodeSelector: { disk: 'ssd' } })], [node('n'), node('m', {}, { disk: 'ssd' })], ['a=m']],
    [
      'different reasons',
      [pod('a', { nodeSelector: { disk: 'ssd' } })],
      [node('n', { unschedulable: true }), node('m')],
      [
        "a: 0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.",
      ],
    ],
  ]
  for (const [what, pods, nodes, expected] of rows) assert.deepEqual(placed(pods, nodes), expected, what)
})

test('two pods never get the same port of one node', () => {
  const one = [node('n')]
  const clash = "b: 0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."
  const rows: [string, object, object, string[]][] = [
    ['the same', port(80), port(80), ['a=n', clash]],
    ['another', port(80), port(81), ['a=n', 'b=n']],
    ['another protocol', port(53), port(53, { protocol: 'UDP' }), ['a=n', 'b=n']],
    ['other addresses', port(80, { hostIP: '10.0.0.1' }), port(80, { hostIP: '10.0.0.2' }), ['a=n', 'b=n']],
    ['one on every address', port(80, { hostIP: '10.0.0.1' }), port(80), ['a=n', clash]],
    ['the host network', { ...port(80), hostNetwork: true }, port(80), ['a=n', clash]],
  ]
  for (const [what, a, b, expected] of rows) assert.deepEqual(placed([pod('a', a), pod('b', b)], one), expected, what)
})

const sized = (allocatable: Record<string, string>): Node => {
  const one = node('n')
  return { ...one, status: { ...one.status, allocatable } }
}
const asks = (requests: object, rest = {}) => ({ name: 'c', resources: { requests }, ...rest })
const waits = (...reasons: string[]) => `b: 0/1 nodes are available: ${reasons.join(', ')}.`

test('a node is given no more than it has: requests of what is there count, limits where there are none', () => {
  const small = [sized({ cpu: '2', memory: '1Gi', pods: '110' })]
  const rows: [string, Partial<Pod['spec']>, Partial<Pod['spec']>, string[]][] = [
    ['just fits', { containers: [asks({ cpu: '1500m' })] }, { containers: [asks({ cpu: '0.5' })] }, ['a=n', 'b=n']],
    [
      'a little more',
      { containers: [asks({ cpu: '1500m' })] },
      { containers: [asks({ cpu: '501m' })] },
      ['a=n', waits('1 Insufficient cpu')],
    ],
    [
      'memory',
      { containers: [asks({ memory: '600Mi' })] },
      { containers: [asks({ memory: '600M' })] },
      ['a=n', waits('1 Insufficient memory')],
    ],
    [
      'both',
      { containers: [asks({ cpu: '1', memory: '1Gi' })] },
      { containers: [asks({ cpu: '3', memory: '1' })] },
      ['a=n', waits('1 Insufficient cpu', '1 Insufficient memory')],
    ],
    [
      'containers add up',
      { containers: [asks({ cpu: '1' }), asks({ cpu: '1' })] },
      { containers: [asks({ cpu: '1m' })] },
      ['a=n', waits('1 Insufficient cpu')],
    ],
    [
      'a limit is a request',
      { containers: [{ name: 'c', resources: { limits: { cpu: '2' } } }] },
      { containers: [asks({ cpu: '1m' })] },
      ['a=n', waits('1 Insufficient cpu')],
    ],
    [
      'a request is one before a limit',
      { containers: [{ name: 'c', resources: { limits: { cpu: '2' }, requests: { cpu: '1' } } }] },
      { containers: [asks({ cpu: '1' })] },
      ['a=n', 'b=n'],
    ],
    ['who asks for nothing', { containers: [asks({ cpu: '2', memory: '1Gi' })] }, {}, ['a=n', 'b=n']],
    [
      'init containers run one by one',
      { initContainers: [asks({ cpu: '1' }), asks({ cpu: '1' })], containers: [asks({ cpu: '1' })] },
      { containers: [asks({ cpu: '1' })] },
      ['a=n', 'b=n'],
    ],
    [
      'the largest init container',
      { initContainers: [asks({ cpu: '2' })], containers: [asks({ cpu: '1m' })] },
      { containers: [asks({ cpu: '1m' })] },
      ['a=n', waits('1 Insufficient cpu')],
    ],
    [
      'a sidecar stays',
      { initContainers: [asks({ cpu: '1' }, { restartPolicy: 'Always' })], containers: [asks({ cpu: '1' })] },
      { containers: [asks({ cpu: '1m' })] },
      ['a=n', waits('1 Insufficient cpu')],
    ],
    [
      'an init container after a sidecar',
      { initContainers: [asks({ cpu: '1' }, { restartPolicy: 'Always' }), asks({ cpu: '1' })], containers: [asks({})] },
      { containers: [asks({ cpu: '1m' })] },
      ['a=n', waits('1 Insufficient cpu')],
    ],
    [
      "the pod's own word",
      { resources: { requests: { cpu: '2' } } },
      { containers: [asks({ cpu: '1m' })] },
      ['a=n', waits('1 Insufficient cpu')],
    ],
    [
      "the pod's own limit",
      { resources: { limits: { cpu: '2' } } },
      { containers: [asks({ cpu: '1m' })] },
      ['a=n', waits('1 Insufficient cpu')],
    ],
  ]
  for (const [what, a, b, expected] of rows) assert.deepEqual(placed([pod('a', a), pod('b', b)], small), expected, what)
})

test('what an ended pod asked for is free; a node that does not say what it has has enough', () => {
  const whole = { containers: [asks({ cpu: '2' })] }
  const small = [sized({ cpu: '2', pods: '110' })]
  const there = pod('old', { ...whole, nodeName: 'n' })
  assert.deepEqual(placed([there, pod('b', whole)], small), [waits('1 Insufficient cpu')])
  assert.deepEqual(placed([{ ...there, status: { phase: 'Failed' } }, pod('b', whole)], small), ['b=n'])
  assert.deepEqual(placed([there, pod('b', whole)], [node('n')]), ['b=n'])
  const other = { ...sized({ cpu: '4', pods: '110' }), metadata: { ...node('m').metadata } }
  assert.deepEqual(placed([there, pod('b', whole)], [...small, other]), ['b=m'])
})

test('only pods that are ours to place are placed', () => {
  const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' }
  assert.deepEqual(
    placed([
      pod('a', { nodeName: 'node9' }),
      pod('b', { schedulerName: 'mine' }),
      pod('c', {}, leaving),
      pod('d', { schedulingGates: [{ name: 'example.com/gate' }] }),
    ]),
    [],
  )
})

test('what is said once is not said again', () => {
  const first = place([pod('a')], [], start)
  const [status] = first.actions
  assert.ok(status?.do === 'patch')
  assert.deepEqual(place([{ ...pod('a'), ...status.patch }], [], start + 60_000).actions, [])
})

test('a pod waits with a reason until a node comes', async (t) => {
  const lab = await cluster(t)
  agents(lab.client)
  await lab.client.create('Pod', {
    metadata: { name: 'a', namespace: 'default' },
    spec: { containers: [{ name: 'c', image: 'host' }] },
  })
  await lab.until('Pod', ([one]) => one?.status?.conditions?.[0]?.message === 'no nodes available to schedule pods')
  const events = await lab.until('Event', (all) => all.some(({ reason }) => reason === 'FailedScheduling'))
  assert.equal(events[0]?.type, 'Warning')
  await lab.node('node1')
  const [one] = await lab.until('Pod', ([found]) => found?.status?.podIP !== undefined)
  assert.deepEqual(
    [one?.spec.nodeName, one?.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.status],
    ['node1', 'True'],
  )
})
