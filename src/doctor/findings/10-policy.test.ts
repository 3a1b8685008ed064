import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NetworkPolicy } from '../../api/objects/networkpolicy.ts'
import type { Deployment } from '../../api/objects/workload.ts'
import type { View } from '../types.ts'
import { check } from './10-policy.ts'
import { now, view } from './testing.ts'

const policy = (spec: NetworkPolicy['spec'], seconds = 3600): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'deny', namespace: 'shop', creationTimestamp: new Date(now - seconds * 1000).toISOString() },
  spec,
})
const found = (one: NetworkPolicy, rest: Partial<View> = {}) =>
  check.find(view({ policies: [one], enforced: false, ...rest }))

test('a policy that selects pods is without effect where nobody enforces it, and only where that is known', () => {
  const web = policy({ podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Ingress', 'Egress'] })
  const [one, ...more] = found(web)
  assert.deepEqual([one?.code, one?.level, one?.sure, more], ['PolicyNotEnforced', 'warning', 'certain', []])
  assert.match(
    one?.say ?? '',
    /shall limit what comes in and what goes out for web, and nothing in this cluster enforces it/,
  )
  assert.equal(found(policy({ podSelector: {} }))[0]?.code, 'PolicyNotEnforced')
  assert.deepEqual(found(web, { enforced: true }), [])
  const { enforced: _, ...unknown } = view({ policies: [web], enforced: false })
  assert.deepEqual(check.find(unknown), [])
})

test('a policy for pods that nobody has protects nobody, enforced or not; a slip is patched', () => {
  const slip = policy({ podSelector: { matchLabels: { app: 'wbe' } } }, 1)
  const [one] = found(slip, { enforced: true })
  assert.deepEqual(
    [one?.code, one?.early, one?.field],
    ['PolicySelectsNothing', false, 'spec.podSelector.matchLabels.app'],
  )
  assert.deepEqual(one?.patch?.body, { spec: { podSelector: { matchLabels: { app: 'web' } } } })
  const other = { podSelector: { matchLabels: { role: 'database' } } }
  assert.deepEqual([found(policy(other, 1))[0]?.early, found(policy(other))[0]?.early], [true, false])
})

test('a policy that lets everything pass limits nobody; one that does so in one direction is told for the other', () => {
  const all: NetworkPolicy['spec'] = {
    podSelector: {},
    policyTypes: ['Ingress', 'Egress'],
    ingress: [{}],
    egress: [{}],
  }
  const port = { port: 80 }
  const rows: [string, NetworkPolicy['spec'], RegExp | undefined][] = [
    ['both', all, undefined],
    ['in alone', { podSelector: {}, ingress: [{ from: [], ports: [] }] }, undefined],
    ['beside a rule that names a port', { ...all, ingress: [{ ports: [port] }, {}] }, undefined],
    ['out to a port alone', { ...all, egress: [{ ports: [port] }] }, /shall limit what goes out for/],
    ['in from nobody', { ...all, ingress: [] }, /shall limit what comes in for/],
    ['types left to what is written', { podSelector: {}, ingress: [{}], egress: [] }, /shall limit what goes out for/],
  ]
  for (const [title, spec, say] of rows) {
    const told = found(policy(spec))
    assert.equal(told.length, say === undefined ? 0 : 1, title)
    if (say) assert.match(told[0]?.say ?? '', say, title)
  }
})

test('an empty selector in an empty namespace, and pods that are scaled to 0, are no alarm', () => {
  const none = view({ policies: [policy({ podSelector: {} })], enforced: false, cluster: { pods: [] } })
  assert.deepEqual(check.find(none), [])
  const labels = { role: 'database' }
  const deployment = {
    kind: 'Deployment',
    metadata: { name: 'db', namespace: 'shop' },
    spec: { replicas: 0, template: { metadata: { labels } } },
  } as unknown as Deployment
  const asleep = view({
    policies: [policy({ podSelector: { matchLabels: labels } })],
    cluster: { deployments: [deployment] },
  })
  assert.deepEqual(check.find(asleep), [])
})
