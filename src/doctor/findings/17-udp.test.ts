import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { EndpointSlice } from '../../api/objects/endpointslice.ts'
import type { Service } from '../../api/objects/service.ts'
import { address } from '../../base/address.ts'
import type { ConnectionGroup } from '../facts.ts'
import type { Finding } from '../types.ts'
import { check } from './17-udp.ts'
import { group, machine, service, slice, view } from './testing.ts'

const nodePort: Partial<Service['spec']> = {
  type: 'NodePort',
  ports: [{ port: 53, targetPort: 5353, protocol: 'UDP', nodePort: 30053 }],
}
const ports: NonNullable<EndpointSlice['ports']> = [{ name: '', port: 5353, protocol: 'UDP' }]

/** Datagrams that nobody answers: from a pod to `to`, as `on` remembers them. `endpoint`: who was chosen. */
function unanswered(
  to: string,
  port: number,
  on: string,
  endpoint = to,
  endpointPort = port,
  others: Service[] = [],
): Finding[] {
  const sent: Partial<ConnectionGroup> = {
    protocol: 'udp',
    address: address(to),
    port,
    endpointPort,
    unanswered: 1,
    samples: [
      {
        original: `100.96.2.9:41000 > ${to}:${port}`,
        reply: `${endpoint}:${endpointPort} > 100.96.2.9:41000`,
        answered: false,
        timeoutSeconds: 29,
      },
    ],
  }
  const connections = { count: 1, truncated: false, groups: [group(endpoint, sent)] }
  return check.find(
    view({
      cluster: { services: [...others, service('web', nodePort)], slices: [slice('web', ['100.96.1.2'], { ports })] },
      machines: [machine(on, { connections })],
    }),
  )
}

test('who goes on sending to an endpoint that has gone, or that was never chosen, is told', () => {
  for (const found of [
    unanswered('100.64.0.5', 53, 'node2', '100.96.2.77', 5353),
    unanswered('100.64.0.5', 53, 'node2'),
    unanswered('192.168.50.11', 30053, 'node1'),
    unanswered('192.168.50.11', 30053, 'node1', '100.96.2.77', 5353),
  ]) {
    assert.deepEqual(
      found.map(({ code, object }) => `${code} ${object.name}`),
      ['UdpBlackHole web'],
    )
  }
})

test('datagrams that are never answered are no mistake: where they arrive, and on their way to who chooses an endpoint', () => {
  assert.deepEqual(unanswered('100.64.0.5', 53, 'node2', '100.96.1.2', 5353), [])
  assert.deepEqual(unanswered('192.168.50.11', 30053, 'node1', '100.96.1.2', 5353), [])
  // To another node's port, as the sender's node and the router see it.
  assert.deepEqual(unanswered('192.168.50.11', 30053, 'node2'), [])
  assert.deepEqual(unanswered('192.168.50.11', 30053, 'router'), [])
  // The same where another service has the node's address as its external IP.
  const edge = service('edge', {
    clusterIP: 'None',
    clusterIPs: [],
    externalIPs: ['192.168.50.11'],
    ports: [{ port: 80 }],
  })
  const shared = (on: string) => unanswered('192.168.50.11', 30053, on, undefined, undefined, [edge])
  assert.deepEqual([shared('node2'), shared('router')], [[], []])
  assert.equal(shared('node1').length, 1)
})
