import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../base/address.ts'
import { hasOnlyIpv6, knowsClusterNames, notesOf } from './notes.ts'
import type { Origin } from './origin.ts'
import { parseTarget } from './ask/target.ts'
import { cluster, told } from './testing/across.ts'
import type { DnsStep, Verdict } from './types.ts'

const node: Origin = { kind: 'node', key: 'node1', node: 'node1', address: address('192.168.50.11') }
const outside: Origin = { kind: 'outside', key: 'outside', node: 'outside', address: address('198.51.100.2') }
const asked = (change: Partial<DnsStep>): DnsStep => ({
  question: 'web',
  type: 'A',
  server: '10.0.0.2',
  rcode: 'NXDOMAIN',
  answers: [],
  ms: 1,
  ...change,
})
const notes = (change: Partial<typeof told>, verdict: Verdict): string[] =>
  notesOf({ ...told, ...change }, verdict).map(({ code, say, fix }) => `${code}: ${say} -> ${fix}`)

test('of a usual request there is nothing to note', () => {
  assert.deepEqual(notes({}, 'delivered'), [])
  assert.deepEqual(notes({ dns: [asked({})] }, 'name-not-found'), [])
})

test('names of the cluster mean nothing where its name server is not asked', () => {
  const to = { target: parseTarget('http://web/'), to: undefined }
  assert.deepEqual(notes({ ...to, source: outside, dns: [] }, 'name-not-found'), [
    'OutsideNames: outside of the cluster nobody asks its name server: "web" means something to pods only -> name the object: svc/web means its load balancer’s address or a node port',
  ])
  const said =
    'NodeNames: node1 asks 10.0.0.2, as its own /etc/resolv.conf says, and not the cluster’s name server: "web" means something to pods only -> name the object: svc/web means its address'
  assert.deepEqual(notes({ ...to, source: node, dns: [asked({})] }, 'name-not-found'), [said])
  assert.deepEqual(notes({ ...to, source: node, dns: [asked({ rcode: 'TIMEOUT' })] }, 'no-answer'), [said])
  assert.deepEqual(
    notes({ ...to, source: node, dns: [asked({ rcode: 'NOERROR', answers: ['192.0.2.1'] })] }, 'refused'),
    [],
  )
  assert.match(
    notes({ target: parseTarget('http://wep/'), source: outside, dns: [] }, 'name-not-found')[0] ?? '',
    /svc\/NAME means/,
  )
})

test('a node whose name server is the cluster’s knows its names', () => {
  const server = cluster.services[0]?.spec.clusterIP ?? ''
  assert.equal(knowsClusterNames(cluster, node, [asked({ server })]), true)
  assert.equal(knowsClusterNames(cluster, node, [asked({})]), false)
  assert.equal(knowsClusterNames(cluster, outside, []), false)
  assert.equal(knowsClusterNames(cluster, told.source, []), true)
})

test('a name that has only addresses of IPv6 is not an unknown name', () => {
  const six = asked({ type: 'AAAA', rcode: 'NOERROR', answers: ['web -> six.example', '2001:db8::7'] })
  const alias = asked({ rcode: 'NOERROR', answers: ['web -> six.example'] })
  assert.equal(hasOnlyIpv6([alias, six]), true)
  assert.equal(hasOnlyIpv6([asked({ rcode: 'NOERROR', answers: ['192.0.2.1'] }), six]), false)
  assert.equal(hasOnlyIpv6([alias]), false)
  assert.deepEqual(notes({ dns: [alias, six], to: undefined }, 'name-not-found'), [
    'OnlyIpv6: "web" has only addresses of IPv6 (2001:db8::7), and a trace follows IPv4 only -> trace to a name that has an IPv4 address, too, or give this one such an address',
  ])
})

test('a pod on its node’s network is its node', () => {
  const [pod] = cluster.pods
  assert.ok(pod)
  const host = { ...pod, spec: { ...pod.spec, hostNetwork: true }, status: { ...pod.status, podIP: '192.168.50.11' } }
  assert.match(notes({ source: { ...node, pod: host } }, 'delivered')[0] ?? '', /^HostNetwork: pod shop\/client has no/)
  const change = {
    cluster: { ...cluster, pods: [host] },
    target: parseTarget('pod/client:80'),
    to: { address: address('192.168.50.11'), port: 80 },
  }
  assert.match(
    notes(change, 'delivered')[0] ?? '',
    /192\.168\.50\.11 is node1’s address, and what is sent there arrives at node1/,
  )
})
