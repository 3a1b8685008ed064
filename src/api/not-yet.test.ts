import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AnyObject } from './json.ts'
import { notYet } from './not-yet.ts'

const said = (object: object): string => notYet(object as AnyObject).join('; ')

test('what this version takes without doing it is said, and nothing else', () => {
  const containers = [{ name: 'web', image: 'nginx:1.27' }]
  assert.equal(said({ kind: 'Deployment', spec: { template: { spec: { containers } } } }), '')
  for (const spec of [
    { type: 'ClusterIP' },
    { type: 'NodePort' },
    { sessionAffinity: 'ClientIP', externalIPs: ['192.0.2.1'] },
  ])
    assert.equal(said({ kind: 'Service', spec }), '')
  for (const odd of [undefined, null, 1, [], { template: 1 }, { containers: [1, null] }])
    assert.equal(said({ kind: 'Service', spec: odd }), '')
})

test('a load balancer without an address is told how it gets one', () => {
  const service = (status: unknown): object => ({
    kind: 'Service',
    metadata: { name: 'web', namespace: 'shop' },
    spec: { type: 'LoadBalancer' },
    status,
  })
  const how = /kubectl patch service web -n shop --subresource=status --type=merge -p '(.*)'$/.exec(said(service({})))
  const { status } = JSON.parse(how?.[1] ?? '') as { status: unknown }
  assert.equal(said(service(status)), '')
  for (const odd of [
    undefined,
    1,
    { loadBalancer: 1 },
    { loadBalancer: { ingress: 1 } },
    { loadBalancer: { ingress: [] } },
  ])
    assert.match(said(service(odd)), /nobody gives out load balancer addresses/)
})

test('hints by CPU are told apart from hints by place', () => {
  const annotations = { 'service.kubernetes.io/topology-mode': 'Auto' }
  assert.match(said({ kind: 'Service', metadata: { annotations }, spec: {} }), /use spec\.trafficDistribution/)
  assert.equal(said({ kind: 'Service', metadata: {}, spec: { trafficDistribution: 'PreferSameZone' } }), '')
})

test('a network policy is kept, and it is said that nothing enforces it', () => {
  assert.match(said({ kind: 'NetworkPolicy', spec: { podSelector: {} } }), /not enforced in this version/)
})
