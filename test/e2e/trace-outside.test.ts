// kubehop trace from the machine outside, from a node and from a container, in a whole lab.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Trace } from '../../src/trace/types.ts'
import { startTestLab, type TestLab } from './harness.ts'
import { patchService, traced } from './traced.ts'

let lab: TestLab
before(async () => {
  lab = await startTestLab('outside', '-f', 'examples/shop')
})
after(async () => lab?.down())

const trace = (from: string, to: string): ReturnType<typeof traced> => traced(lab, from, to)
const patch = (what: object, ...more: string[]): Promise<void> => patchService(lab, 'web', what, ...more)
/** The router and the nodes hear of a change a moment after the API has it. */
const until = (to: string, verdict: Trace['verdict']): Promise<{ trace: Trace }> =>
  lab.until(
    `${to} from outside is ${verdict}`,
    () => trace('outside', to),
    ({ trace: story }) => story.verdict === verdict,
  )

test('nobody outside has been made before it was asked for', async () => {
  const { code, out } = await lab.kubehop('trace', 'client', '198.51.100.2:80', '-o', 'json')
  assert.equal(code, 1)
  assert.equal((JSON.parse(out) as Trace).hops.at(-1)?.place, 'router')
})

test('a service has no address outside until it has a node port or a load balancer', async () => {
  const { trace: inside, code } = await trace('outside', 'svc/web')
  assert.deepEqual([inside.verdict, inside.agrees, code], ['unreachable', true, 1], JSON.stringify(inside, null, 1))
  await patch({ spec: { type: 'NodePort' } })
  const { trace: port } = await until('svc/web', 'delivered')
  assert.match(port.hops[0]?.packet.dst ?? '', /^192\.168\.50\.11:3\d{4}$/)
  assert.ok(port.agrees, JSON.stringify(port, null, 1))
  await patch({ spec: { type: 'LoadBalancer' } })
  await patch({ status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } } }, '--subresource=status')
  for (const externalTrafficPolicy of ['Cluster', 'Local']) {
    await patch({ spec: { externalTrafficPolicy } })
    const { trace: balanced } = await until('http://203.0.113.7/', 'delivered')
    assert.equal(balanced.status, '200 OK')
    assert.match(balanced.hops.find(({ place }) => place === 'router')?.say ?? '', /: node\d is to take it$/)
  }
  await patch({ spec: { type: 'ClusterIP', externalTrafficPolicy: null } })
  await until('203.0.113.7:80', 'unreachable')
})

test('a node and a container send, too; what does not run is told with what does', async () => {
  const { trace: node } = await trace('node/node2', 'svc/web')
  assert.equal(node.verdict, 'delivered', JSON.stringify(node, null, 1))
  assert.ok(node.agrees, JSON.stringify(node, null, 1))
  assert.deepEqual([node.from, node.hops[0]?.place, node.hops[0]?.action], ['node2', 'node2', 'sent'])
  const { trace: container } = await trace('client:client', 'http://web/')
  assert.deepEqual([container.status, container.from, container.container], ['200 OK', 'default/client', 'client'])
  const { code, err } = await lab.kubehop('trace', 'client:clinet', 'http://web/')
  assert.equal(code, 2)
  assert.match(
    err,
    /pod default\/client has no container "clinet"; of its containers client runs; did you mean client\?/,
  )
})
