import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../../api/objects/service.ts'
import { check as balancer } from './23-load-balancer.ts'
import { check } from './24-local-policy.ts'
import { node, now, pod, service, slice, view } from './testing.ts'

const on = (...nodes: string[]) =>
  slice('web', [], { endpoints: nodes.map((nodeName, at) => ({ addresses: [`100.96.1.${at + 2}`], nodeName })) })
const found = (spec: Partial<Service['spec']>, where = on('node1'), nodes = [node('node1'), node('node2')]) =>
  check.find(
    view({
      cluster: {
        services: [service('web', spec)],
        slices: [where],
        nodes,
        pods: [pod('web'), pod('client', { ip: '100.96.2.2', spec: { nodeName: 'node2' } })],
      },
    }),
  )

test('nodes that drop because of a Local policy are named; where nobody would ask them there is no alarm', () => {
  const outer = { type: 'NodePort', externalTrafficPolicy: 'Local' } as const
  const rows: [string, ReturnType<typeof found>, [string, string][]][] = [
    ['a node port', found(outer), [['warning', 'spec.externalTrafficPolicy']]],
    ['pods of it everywhere', found(outer, on('node1', 'node2')), []],
    ['no pod at all is another mistake', found(outer, on()), []],
    ['Cluster', found({ type: 'NodePort', externalTrafficPolicy: 'Cluster' }), []],
    [
      'a load balancer that asks who has pods',
      found({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 31000 }),
      [['info', 'spec.externalTrafficPolicy']],
    ],
    [
      'from pods, and there are some',
      found({ internalTrafficPolicy: 'Local' }),
      [['warning', 'spec.internalTrafficPolicy']],
    ],
    [
      'a node that is away',
      found(outer, on('node1'), [
        node('node1'),
        { ...node('node2'), status: { conditions: [{ type: 'Ready', status: 'False' }] } },
      ]),
      [],
    ],
    ['headless', found({ clusterIP: 'None', internalTrafficPolicy: 'Local' }), []],
  ]
  for (const [title, findings, expected] of rows)
    assert.deepEqual(
      findings.map(({ level, field }) => [level, field]),
      expected,
      title,
    )
  assert.deepEqual(found(outer)[0]?.patch?.body, { spec: { externalTrafficPolicy: 'Cluster' } })
})

test('a load balancer waits for its address: certain where nobody gives any, in time elsewhere', () => {
  const waiting = (seconds: number, balanced?: boolean) => {
    const one = service('web', { type: 'LoadBalancer' })
    const made = new Date(now - seconds * 1000).toISOString()
    const services = [{ ...one, metadata: { ...one.metadata, creationTimestamp: made } }]
    return balancer
      .find(view({ cluster: { services }, ...(balanced !== undefined && { balanced }) }))
      .map(({ sure, early }) => [sure, early])
  }
  assert.deepEqual(waiting(1, false), [['certain', false]])
  assert.deepEqual(waiting(1), [['likely', true]])
  assert.deepEqual(waiting(600), [['likely', false]])
  assert.deepEqual(waiting(600, true), [])
  const given = {
    ...service('web', { type: 'LoadBalancer' }),
    status: { loadBalancer: { ingress: [{ hostname: 'lb.example' }] } },
  }
  assert.deepEqual(balancer.find(view({ balanced: false, cluster: { services: [given] } })), [])
})
