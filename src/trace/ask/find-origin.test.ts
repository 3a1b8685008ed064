import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/objects/pod.ts'
import { address } from '../../base/address.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { findOrigin } from './find-origin.ts'
import type { Origin } from '../origin.ts'
import { parseSource } from './source.ts'
import { cluster as plain } from '../testing/across.ts'

const running = { running: { startedAt: '2026-01-01T00:00:00Z' } }
const state = (name: string, is: object) => ({ name, ready: true, restartCount: 0, image: 'x', imageID: '', state: is })
const pod = (
  name: string,
  change: { spec?: object; status?: object; owner?: [kind: string, name: string, uid?: string] },
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name,
    namespace: 'shop',
    ...(change.owner && {
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: change.owner[0], name: change.owner[1], uid: change.owner[2] ?? 'u' },
      ],
    }),
  },
  spec: { nodeName: 'node1', containers: [{ name: 'app' }], ...change.spec },
  status: {
    phase: 'Running',
    podIP: '100.96.1.9',
    conditions: [{ type: 'Ready', status: 'True' }],
    containerStatuses: [state('app', running)],
    ...change.status,
  },
})
const cluster: Cluster = {
  ...plain,
  pods: [
    ...plain.pods,
    pod('two', {
      spec: { containers: [{ name: 'app' }, { name: 'metrics' }, { name: 'broken' }] },
      status: {
        containerStatuses: [
          state('app', running),
          state('metrics', running),
          state('broken', { waiting: { reason: 'CrashLoopBackOff' } }),
        ],
      },
    }),
    pod('agent', { spec: { hostNetwork: true }, status: { podIP: '192.168.50.11' } }),
    pod('done', { status: { phase: 'Succeeded' } }),
    pod('new', { spec: { nodeName: undefined }, status: { phase: 'Pending', podIP: undefined } }),
    pod('web-1', { owner: ['ReplicaSet', 'web-5d', 'rs'], status: { conditions: [] } }),
    pod('web-2', { owner: ['ReplicaSet', 'web-5d', 'rs'] }),
    pod('db-0', { owner: ['StatefulSet', 'db'] }),
    pod('log-1', { owner: ['DaemonSet', 'log'], status: { phase: 'Failed' } }),
  ],
  deployments: [
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', namespace: 'shop', uid: 'deploy' },
      spec: { selector: {}, template: {} },
    },
  ] as unknown as Cluster['deployments'],
  replicaSets: [
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name: 'web-5d', namespace: 'shop', uid: 'rs', ownerReferences: [{ uid: 'deploy' }] },
      spec: { selector: {} },
    },
    { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata: { name: 'idle', namespace: 'shop', uid: 'i' }, spec: {} },
  ] as unknown as Cluster['replicaSets'],
}
const outside = { address: address('198.51.100.2') }
const from = (text: string, namespace = 'shop'): Origin => findOrigin(cluster, parseSource(text), namespace, outside)
const brief = ({ kind, key, node, address: ip }: Origin): string => `${kind} ${key} ${node} ${ip}`

test('every source is a machine, an address, and a place to send from', () => {
  const rows: [string, string][] = [
    ['client', 'pod shop/client node1 100.96.1.2'],
    ['deploy/web', 'pod shop/web-2 node1 100.96.1.9'],
    ['rs/web-5d', 'pod shop/web-2 node1 100.96.1.9'],
    ['sts/db', 'pod shop/db-0 node1 100.96.1.9'],
    ['two:metrics', 'pod shop/two node1 100.96.1.9'],
    ['deploy/web:app', 'pod shop/web-2 node1 100.96.1.9'],
    ['node/node2', 'node node2 node2 192.168.50.12'],
    ['outside', 'outside outside outside 198.51.100.2'],
    // A pod on its node's network sends as its node.
    ['agent', 'node node1 node1 192.168.50.11'],
  ]
  for (const [text, expected] of rows) assert.equal(brief(from(text)), expected, text)
  assert.equal(from('agent').pod?.metadata.name, 'agent')
  assert.equal(from('two:metrics').container, 'metrics')
})

test('of a name that many namespaces have the three nearest are told', () => {
  const base = pod('client', {})
  const spaces = Array.from({ length: 13 }, (_, at) => `team-${at + 1}`)
  const pods = spaces.map((namespace) => ({ ...base, metadata: { ...base.metadata, namespace } }))
  const asked = (from: string): unknown => findOrigin({ ...plain, pods }, parseSource(from), 'default', undefined)
  const fix = 'write NAMESPACE/pod/client with the one that is meant'
  assert.throws(() => asked('client'), {
    plain: `there is no pod default/client; there is team-1/client, team-2/client, team-3/client and 10 more: ${fix}`,
  })
  assert.throws(() => asked('taem-12/client'), {
    plain: /; there is team-12\/client, team-\d+\/client, team-\d+\/client and 10 more: write NAMESPACE\//,
  })
})

test('what cannot send says why, and what can', () => {
  const rows: [string, RegExp][] = [
    ['clinet', /^there is no pod shop\/clinet; did you mean client\?$/],
    ['node1', /^there is no pod shop\/node1; node1 is a node: write node\/node1$/],
    ['100.96.1.2', /^there is no pod shop\/100\.96\.1\.2; 100\.96\.1\.2 is the address of shop\/client: write that$/],
    ['dploy/web', /^there is no pod dploy\/web; did you mean deploy\/web/],
    // Of what is like a kind only what exists.
    ['nope/client', /^there is no pod nope\/client; there is shop\/client: write shop\/pod\/client$/],
    ['noe/node2', /^there is no pod noe\/node2; did you mean node\/node2\?$/],
    ['dploy/wbe', /^there is no pod dploy\/wbe$/],
    ['web', /^there is no pod shop\/web; web is a deployment: write deploy\/web$/],
    ['shop/web', /^there is no pod shop\/web; web is a deployment: write shop\/deploy\/web$/],
    ['db', /^there is no pod shop\/db; db is a statefulset: write sts\/db$/],
    ['bank/client', /^there is no pod bank\/client; there is shop\/client: write shop\/pod\/client$/],
    ['node/node3', /^there is no node node3; did you mean node1 or node2\?$/],
    ['node/worker', /^there is no node worker; there is node1, node2$/],
    ['deploy/wbe', /^there is no deployment shop\/wbe; did you mean web\?$/],
    ['sts/dv', /^there is no statefulset shop\/dv; did you mean db\?$/],
    ['ds/nothing', /^there is no daemonset shop\/nothing$/],
    ['ds/log', /^daemonset shop\/log has no pod that runs$/],
    ['rs/idle', /^replicaset shop\/idle has no pod that runs$/],
    ['done', /^pod shop\/done does not run: Succeeded$/],
    ['new', /^pod shop\/new does not run: Pending, on no node yet$/],
    [
      'two:metric',
      /^pod shop\/two has no container "metric"; of its containers app, metrics run; did you mean metrics\?$/,
    ],
    [
      'two:broken',
      /^container "broken" of pod shop\/two does not run: CrashLoopBackOff; of its containers app, metrics run$/,
    ],
    ['client:app', /^pod shop\/client has no container "app"; none of its containers runs$/],
  ]
  for (const [text, plainly] of rows)
    assert.throws(
      () => from(text),
      (error: { plain?: string }) => plainly.test(error.plain ?? '') || assert.fail(`${text}: ${error.plain}`),
    )
  assert.throws(() => findOrigin(cluster, { kind: 'outside' }, 'shop', undefined), { code: 'NoOutside' })
})
