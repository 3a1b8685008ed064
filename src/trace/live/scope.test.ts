import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findDestination } from '../ask/resolve.ts'
import { parseTarget } from '../ask/target.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { cluster as plain, told } from '../testing/across.ts'
import { type Scope, scopeOf } from './scope.ts'
import { mostEnds } from './spec.ts'

const { source } = told
const scope = (cluster: Cluster, to: string): Scope => {
  const target = parseTarget(to)
  return scopeOf(cluster, source, target, findDestination(cluster, target, source, 'shop'), 'shop')
}
/** A service with so many endpoints; without an address of its own, clients ask each of them. */
function withEndpoints(count: number, clusterIP: string): Cluster {
  const endpoints = Array.from({ length: count }, (_, at) => ({ addresses: [`100.96.2.${at + 10}`] }))
  const [service] = plain.services
  const [slice] = plain.slices
  if (!service || !slice) throw new Error('the fixture has no service')
  return {
    ...plain,
    services: [{ ...service, spec: { ...service.spec, clusterIP } }],
    slices: [{ ...slice, endpoints }],
  }
}

test('of a service its address is watched, and its endpoints as what that becomes', () => {
  const { ends, nodes, say } = scope(plain, 'web:80')
  assert.deepEqual(ends, {
    protocol: 'tcp',
    from: ['100.96.1.2'],
    asked: [{ address: '100.64.0.20', port: 80 }],
    behind: [{ address: '100.96.2.2', port: 8080 }],
    wide: [],
  })
  assert.deepEqual(
    [...nodes],
    [
      ['node1', ['shop/client']],
      ['node2', ['shop/far']],
    ],
  )
  assert.equal(say, 'connections from shop/client (100.96.1.2) to 100.64.0.20:80')
})

test('endpoints that are too many to be named are known by their ports', () => {
  const { ends } = scope(withEndpoints(mostEnds + 1, '100.64.0.20'), 'web:80')
  assert.deepEqual([ends.behind, ends.wide], [[], [80, 8080]])
})

test('of more addresses than a watch takes it is said how many there are', () => {
  const all = scope(withEndpoints(mostEnds, 'None'), 'web:8080')
  assert.match(all.say, / to 100\.96\.2\.10:8080, 100\.96\.2\.11:8080, 100\.96\.2\.12:8080, and 29 more$/)
  const some = scope(withEndpoints(mostEnds + 8, 'None'), 'web:8080')
  assert.match(some.say, /, and 29 more \(of 40: a watch takes no more\)$/)
  assert.equal(some.ends.asked.length, mostEnds)
})

test('what a name server alone knows, and what a node itself sends, cannot be watched, and why is said', () => {
  assert.throws(() => scope(plain, 'example.com:80'), /known to a name server only.*write the address/)
  const target = parseTarget('web:80')
  const node = { ...source, kind: 'node', key: 'node1' } as const
  assert.throws(
    () => scopeOf(plain, node, target, findDestination(plain, target, node, 'shop'), 'shop'),
    /what node1 sends by its own sockets cannot be watched: .*; watch from a pod, or from outside/,
  )
})
