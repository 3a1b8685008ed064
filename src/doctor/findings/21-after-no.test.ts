import assert from 'node:assert/strict'
import { test } from 'node:test'
import { address } from '../../base/address.ts'
import type { RuleMet } from '../../trace/observation.ts'
import type { ErrorKind } from '../../trace/tell/error.ts'
import { told } from '../../trace/testing/across.ts'
import { afterDrop, afterNo, afterRefusal, type Speaker } from './21-after-no.ts'

const said = (kind: ErrorKind, by: string, to: string, speaker: Speaker = 'node', hasPort = true): string =>
  afterNo(told, { kind, by, hasPort }, speaker, address(to))

test('who says that there is no way is where the way is missing: with the route that would be needed', () => {
  const rows: [string, string, string][] = [
    ['router', '100.96.2.7', 'a route is missing at router: ip route add 100.96.2.0/24 via 192.168.50.12'],
    [
      'node2',
      '100.96.2.7',
      'node2 itself is to have 100.96.2.0/24 on the bridge of its pods, and does not: ip -br addr',
    ],
    [
      'router',
      '100.96.77.7',
      'no node has a range for pods with 100.96.77.7 in it, so no route at router leads there: kubectl get pods -A -o wide has the addresses that there are',
    ],
    [
      'outside',
      '100.64.0.20',
      'no route leads to addresses of services, only rules of nodes do: ask from a pod or a node, or for a node port',
    ],
    [
      'node1',
      '192.168.50.12',
      'node1 has no way to 192.168.50.0/24, where the nodes are: see whether its card there is up: ip -br addr',
    ],
    [
      'router',
      '8.8.8.8',
      '8.8.8.8 is outside the cluster, and pods have no way out: router would need a route there, such as ip route add default via GATEWAY',
    ],
  ]
  for (const [by, to, expected] of rows) assert.equal(said('net', by, to), expected)
})

test('who says that nobody has the address is where the way ends', () => {
  assert.equal(
    said('host', 'node2', '100.96.2.2'),
    'the way ends at node2: the pod that has it does not hear there: ip neigh show to 100.96.2.2, and whether its cable is up',
  )
  assert.equal(
    said('host', 'node2', '100.96.2.77'),
    'the way ends at node2: no pod has it: kubectl get pods -A -o wide has the addresses of now',
  )
  assert.equal(
    said('host', 'node2', '192.168.50.77'),
    'the way ends at node2: ask for an address that somebody has; ip neigh show to 192.168.50.77 has what was heard there',
  )
})

test('a closed port is reached, and the way is right; a rule that forbids is named as one', () => {
  const listens = 'the way there is right: look at what listens in pod shop/far, and on which port'
  assert.equal(said('port', 'pod shop/far', '100.96.2.2', 'target'), listens)
  assert.equal(afterRefusal('pod shop/far', 'target'), listens)
  assert.match(said('port', 'node1', '100.64.0.20'), /^the way to node1 is right, and a rule there answers/)
  assert.equal(
    said('port', 'pod far', '100.96.2.2', 'target', false),
    'the way there is right: nothing at pod far takes this protocol',
  )
  assert.match(said('protocol', 'pod far', '100.96.2.2', 'target'), /^the way there is right: nothing at pod far/)
  assert.match(said('prohibited', 'node2', '100.96.2.2'), /^a rule at node2 forbids it: nft list ruleset/)
})

test('too long, too far, and what has no name', () => {
  assert.match(said('too-big', 'node1', '100.96.2.2'), /^send less at once, or give the link behind node1 the MTU/)
  assert.equal(
    said('time', 'node1', '100.96.2.2'),
    'look for a circle: ip route get 100.96.2.2, at node1 and at each place before it',
  )
  const outer = {
    ...told,
    cluster: {
      ...told.cluster,
      services: told.cluster.services.map((one) => ({ ...one, spec: { ...one.spec, externalIPs: ['203.0.113.8'] } })),
    },
  }
  for (const kind of ['time', 'net'] as const)
    assert.match(
      afterNo(outer, { kind, by: 'router', hasPort: true }, 'node', address('203.0.113.8')),
      /^ask 203\.0\.113\.8 for a port of its service: nodes translate these alone/,
    )
  assert.match(said('other', 'node1', '100.96.2.2'), /^the way leads as far as node1/)
})

test('after silence the rule that threw it away is named, and whose it is counts', () => {
  const met = (table: string, rule?: string): RuleMet => ({
    kind: 'rule',
    place: { kind: 'node', name: 'node2', node: 'node2' },
    packet: 1,
    table,
    chain: 'guard',
    verdict: 'drop',
    ...(rule !== undefined && { rule }),
  })
  const where = 'on node2: nft -a list ruleset; it is in table firewall, chain guard'
  assert.equal(
    afterDrop('node2', met('firewall', 'drop')),
    `let that rule pass it, or delete it by its handle: ${where}`,
  )
  assert.equal(
    afterDrop('node2', met('firewall')),
    `add a rule that lets it pass, before the end of that chain: ${where}`,
  )
  assert.match(afterDrop('node2', met('kubehop', 'drop')), /^ask for an address and a port that a service has/)
  assert.match(afterDrop('node2', undefined), /^look at the place that saw it last/)
})
