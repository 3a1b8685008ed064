import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clone } from '../../json.ts'
import { resources } from '../../resources.ts'
import { cluster, create, ports, refusal, service, setStatus } from './testing.ts'

const address = (...ingress: object[]): object => ({ loadBalancer: { ingress } })

test('the addresses of a load balancer are written to its status, and captured unless they say otherwise', () => {
  const registry = cluster()
  const { spec } = create(registry, 'a', { type: 'LoadBalancer', ports })
  const written = setStatus(
    registry,
    'a',
    address({ ip: '203.0.113.1' }, { ip: '203.0.113.2', ipMode: 'Proxy' }, { hostname: 'lb.example.com' }),
  )
  assert.deepEqual(written.status?.loadBalancer?.ingress, [
    { ip: '203.0.113.1', ipMode: 'VIP' },
    { ip: '203.0.113.2', ipMode: 'Proxy' },
    { hostname: 'lb.example.com' },
  ])
  assert.deepEqual(written.spec, spec)
  const after = registry.update(resources.Service, { ...clone(service('a', spec)), status: {} })
  assert.deepEqual(after['status'], written.status)
})

test('what cannot be an address of a load balancer is refused', () => {
  const registry = cluster()
  create(registry, 'a', { type: 'LoadBalancer', ports })
  create(registry, 'inside', { ports })
  const path = 'status.loadBalancer.ingress'
  const rows: [object, string][] = [
    [{ ip: '203.0.113.x' }, `${path}[0].ip: Invalid value: "203.0.113.x": must be a valid IP address`],
    [{ hostname: 'a.b', ipMode: 'VIP' }, `${path}[0].ipMode: Forbidden: may not be specified when \`ip\` is not set`],
    [
      { ip: '203.0.113.1', ipMode: 'Vip' },
      `${path}[0].ipMode: Unsupported value: "Vip": supported values: "Proxy", "VIP"`,
    ],
    [{ hostname: '203.0.113.1' }, `${path}[0].hostname: Invalid value: "203.0.113.1": must be a DNS name, not an IP`],
    [{ hostname: 'A.b' }, `${path}[0].hostname: Invalid value: "A.b": a lowercase RFC 1123 subdomain`],
  ]
  for (const [ingress, expected] of rows)
    assert.ok(
      refusal(() => setStatus(registry, 'a', address(ingress))).startsWith(`Service "a" is invalid: ${expected}`),
    )
  assert.equal(
    refusal(() => setStatus(registry, 'inside', address({ ip: '203.0.113.1' }))),
    `Service "inside" is invalid: ${path}: Forbidden: may only be used when \`spec.type\` is 'LoadBalancer'`,
  )
})

test('a write of the status takes labels and annotations along, and nothing else', () => {
  const registry = cluster()
  create(registry, 'a', { type: 'LoadBalancer', ports }, { kept: 'yes' })
  const { metadata, spec } = registry.patch(
    resources.Service,
    'a',
    'default',
    (object) => ({
      ...object,
      metadata: {
        ...object.metadata,
        annotations: { ...object.metadata.annotations, seen: 'yes' },
        finalizers: ['a/b'],
      },
      spec: { type: 'ClusterIP' },
      status: { conditions: [] },
    }),
    'status',
  )
  assert.deepEqual(metadata.annotations, { kept: 'yes', seen: 'yes' })
  assert.equal(metadata.finalizers, undefined)
  assert.equal((spec as { type: string }).type, 'LoadBalancer')
})
