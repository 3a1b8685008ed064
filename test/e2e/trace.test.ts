// kubehop trace in a whole lab: the example applications side by side, seen from outside.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Trace } from '../../src/trace/types.ts'
import { startTestLab, type TestLab } from './harness.ts'
import { patchService, traced } from './traced.ts'

let lab: TestLab
before(async () => {
  // 1-localhost holds a pod that collides on purpose and never becomes ready; it is applied for itself elsewhere.
  const files = [
    'shop',
    'picture/2-same-node.yaml',
    'picture/3-across-nodes.yaml',
    'picture/4-service.yaml',
    'picture/5-dns.yaml',
  ]
  lab = await startTestLab('traces', ...files.flatMap((file) => ['-f', `examples/${file}`]))
})
after(async () => lab?.down())

const trace = (...words: [from: string, to: string, ...more: string[]]): ReturnType<typeof traced> =>
  traced(lab, ...words)
/** `client eth0, node1 veth1, ...` */
const way = (hops: Trace['hops']): string => hops.map((hop) => `${hop.place} ${hop.device}`).join(', ')

test('on one node a request stays on the bridge, there and back', async () => {
  const { trace: story, code } = await trace('same-node/left', 'same-node/right:8080')
  assert.equal(code, 0)
  assert.deepEqual([story.verdict, story.agrees], ['delivered', true], JSON.stringify(story, null, 1))
  assert.match(way(story.hops), /^left eth0, node1 veth\d+, node1 cbr0, (node1 veth\d+, )?right eth0$/)
  assert.match(way(story.reply), /^right eth0, node1 veth\d+, node1 cbr0, left eth0$/)
})

test('across nodes it goes through the gateway, the router and its table', async () => {
  const { trace: story } = await trace('across-nodes/left', 'pod/right:8080')
  assert.deepEqual([story.verdict, story.agrees], ['delivered', true], JSON.stringify(story, null, 1))
  assert.deepEqual([...new Set(story.hops.map((hop) => hop.place))], ['left', 'node1', 'router', 'node2', 'right'])
  assert.deepEqual([...new Set(story.reply.map((hop) => hop.place))], ['right', 'node2', 'router', 'node1', 'left'])
  assert.ok(story.hops.every((hop) => hop.action !== 'translated'))
})

/** The nodes hear of a change a moment after the API has it. */
const comesTrue = (look: () => Promise<Trace>, expected: [Trace['verdict'], boolean]): Promise<Trace> =>
  lab.until(
    `the trace is ${expected.join()}`,
    look,
    ({ verdict, agrees }) => verdict === expected[0] && agrees === expected[1],
  )

test('a node port and a load balancer’s address are foretold on every node, whoever serves them', async () => {
  const patch = (what: object, ...more: string[]): Promise<void> => patchService(lab, 'web', what, ...more)
  await patch({ spec: { type: 'LoadBalancer' } })
  await patch({ status: { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } } }, '--subresource=status')
  const { out: port } = await lab.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.ports[0].nodePort}')
  for (const externalTrafficPolicy of ['Cluster', 'Local']) {
    await patch({ spec: { externalTrafficPolicy } })
    for (const to of ['203.0.113.7', `192.168.50.11:${port}`, `192.168.50.12:${port}`]) {
      await comesTrue(async () => (await trace('client', `http://${to}/`)).trace, ['delivered', true])
    }
  }
  await patch({ spec: { loadBalancerSourceRanges: ['198.51.100.0/24'] } })
  const kept = await comesTrue(
    async () => (await trace('client', 'http://203.0.113.7/', '--timeout', '1')).trace,
    ['dropped', true],
  )
  assert.equal(kept.why[0]?.code, 'SourceRange', JSON.stringify(kept, null, 1))
  await patch({ spec: { type: 'ClusterIP', externalTrafficPolicy: null, loadBalancerSourceRanges: null } })
})

test('by a service name: one question, the address, the translation there, and put back on the way back', async () => {
  const { trace: story, code } = await trace('client', 'http://web/')
  assert.equal(code, 0)
  assert.deepEqual(
    [story.verdict, story.status, story.agrees],
    ['delivered', '200 OK', true],
    JSON.stringify(story, null, 1),
  )
  assert.deepEqual(
    story.dns.map(({ question, type, rcode }) => [question, type, rcode]),
    ['A', 'AAAA'].map((type) => ['web.default.svc.cluster.local', type, 'NOERROR']),
  )
  const translated = story.hops.find((hop) => hop.action === 'translated')
  assert.equal(translated?.packet.dst, `${story.dns[0]?.answers[0]}:80`)
  assert.match(translated?.after?.dst ?? '', /:8080$/)
  assert.equal(translated?.component, 'proxy')
  assert.ok(story.reply.some((hop) => hop.action === 'translated' && hop.component === 'proxy'))
  assert.ok([...story.hops, ...story.reply].every((hop) => hop.say.length > 0 && hop.because.text.length > 0))
})

test('to the API service it goes to a machine that nobody watches: the rest agrees, and the story says so', async () => {
  const rows: [from: string, to: string, verdict: Trace['verdict']][] = [
    ['client', 'https://kubernetes/', 'delivered'],
    ['client', 'tcp://kubernetes:443', 'delivered'],
    ['node/node1', 'svc/kubernetes', 'delivered'],
    ['node/node2', 'https://192.168.50.2:6443/', 'delivered'],
    ['client', '192.168.50.2:6444', 'refused'],
    ['client', 'icmp://192.168.50.2', 'delivered'],
  ]
  for (const [from, to, verdict] of rows) {
    const { trace: story } = await trace(from, to)
    assert.deepEqual([story.verdict, story.agrees], [verdict, true], JSON.stringify(story, null, 1))
    assert.match(
      story.hops.at(-1)?.say ?? '',
      /; 192\.168\.50\.2 is not watched: what it does with the packet is not seen$/,
    )
  }
})

test('a service without endpoints, a port that nobody listens on and a port that a service lacks are refusals told apart', async () => {
  const nobody = await trace('same-node/left', 'same-node/right:9090')
  assert.deepEqual([nobody.trace.verdict, nobody.code], ['refused', 1])
  assert.equal(nobody.trace.hops.at(-1)?.place, 'right')

  const wrongPort = await trace('client', 'http://store/')
  assert.equal(wrongPort.trace.verdict, 'rejected')
  assert.match(wrongPort.trace.why.map((why) => why.say).join(), /no port 80.*6379/)

  assert.equal((await lab.kubectl('scale', 'deployment/api', '--replicas=0')).code, 0)
  await lab.until(
    'the endpoints leave',
    () => trace('client', 'http://api/'),
    ({ trace: story }) => story.verdict === 'rejected',
  )
  assert.equal((await lab.kubectl('scale', 'deployment/api', '--replicas=1')).code, 0)
})

test('an address that nobody has: no answer, and the last place that saw the packet', async () => {
  const { trace: story, code } = await trace('same-node/left', '100.96.1.250:80', '--timeout', '4')
  assert.equal(code, 1)
  assert.ok(['no-answer', 'unreachable'].includes(story.verdict), JSON.stringify(story, null, 1))
  assert.equal(story.hops.at(-1)?.node, 'node1')
})

test('what is for the pod itself, for a node, for nobody or for the world outside is foretold too, and has a reason', async () => {
  const rows: [string, Trace['verdict'], RegExp][] = [
    ['http://localhost:81/', 'refused', /nobody listens on port 81 in pod default\/client/],
    ['pod/client:81', 'refused', /nobody listens on port 81 in pod default\/client/],
    ['192.168.50.11:22', 'refused', /nobody listens on port 22 of node1 itself/],
    ['100.64.99.99:80', 'dropped', /no service has it/],
    ['100.100.0.1:80', 'unreachable', /no pod has it/],
    ['8.8.8.8:80', 'unreachable', /outside the cluster/],
  ]
  for (const [to, verdict, reason] of rows) {
    const { trace: story } = await trace('client', to)
    assert.deepEqual([story.verdict, story.agrees], [verdict, true], JSON.stringify(story, null, 1))
    assert.match(story.why.map((why) => why.say).join('; '), reason, to)
  }
})

test('names that do not exist and pods that do not exist are told apart', async () => {
  const { trace: story } = await trace('client', 'http://wbe/')
  assert.equal(story.verdict, 'name-not-found')
  assert.ok(story.dns.length >= 3)
  assert.match(story.why.map((why) => why.say + why.fix).join(), /web/)
  const ofPod = await trace('dns/client', 'http://tenor/')
  assert.match(ofPod.trace.why.map((why) => why.say + why.fix).join(), /tenor is a pod.*pod\/tenor:PORT/)
  const outside = await trace('client', 'http://example.com/')
  assert.match(outside.trace.why.map((why) => why.say).join(), /"example.com" in the cluster/)
  const { code, err } = await lab.kubehop('trace', 'clinet', 'http://web/')
  assert.equal(code, 2)
  assert.match(err, /clinet.*client/s)
})

test('an echo request is answered by a pod, and not by a service', async () => {
  const { trace: pod, code } = await trace('across-nodes/left', 'icmp://right')
  assert.deepEqual([pod.verdict, pod.agrees, code], ['delivered', true, 0], JSON.stringify(pod, null, 1))
  const { trace: service, code: no } = await trace('client', 'icmp://svc/web')
  assert.deepEqual([service.verdict, service.agrees, no], ['rejected', true, 1], JSON.stringify(service, null, 1))
})

test('no kernel here may have SCTP: then that is what is told', async () => {
  const { trace: story } = await trace('across-nodes/left', 'sctp://pod/right:36412')
  assert.equal(story.verdict, 'refused', JSON.stringify(story, null, 1))
  assert.equal(story.reply[0]?.place, 'right')
})

test('many requests are counted by who got them, and the largest packet is found', async () => {
  const { trace: story, code } = await trace('client', 'http://web/', '--count', '150', '--size')
  assert.equal(code, 0, JSON.stringify(story, null, 1))
  assert.equal(story.repeats?.count, 150)
  assert.equal(
    story.repeats?.outcomes.reduce((sum, { count }) => sum + count, 0),
    150,
  )
  assert.equal(story.sizes?.largest, 1500)
  const { out } = await lab.kubehop('trace', 'client', 'http://web/', '--count', '20', '--size', '4000')
  assert.match(out, /^20 requests\n +20  delivered  pod web-\S+ on node\d  100 %/m)
  assert.match(
    out,
    /^sizes +does not arrive without being cut .*\n.*nothing was sent\n  4000 bytes in pieces: arrived$/m,
  )
})

test('as text it reads like a story', async () => {
  const { out } = await lab.kubehop('trace', 'client', 'http://web/')
  assert.match(out, /^client -> http:\/\/web\/ {4}delivered, 200 OK after [\d.]+ ms {4}predicted and observed agree\n/)
  assert.match(out, /\nthere\n +1 +\+0 us {2}client +eth0 +sent to /)
  assert.match(out, /\nback\n/)
})

test('many traces at once leave no trace of themselves', async () => {
  const stories = await Promise.all(Array.from({ length: 6 }, () => trace('client', 'http://web/')))
  assert.deepEqual(
    stories.map(({ trace: story }) => story.verdict),
    new Array(6).fill('delivered'),
  )
})

test('a dry run foretells what is seen then, and sends nothing', async () => {
  const requests: [string, string][] = [
    ['same-node/left', 'same-node/right:8080'],
    ['across-nodes/left', 'pod/right:8080'],
    ['across-nodes/left', 'icmp://right'],
    ['client', 'http://store/'],
    ['client', 'wbe:80'],
    ['node/node1', '192.168.50.1:80'],
  ]
  const places = (hops: Trace['hops']): string[] => hops.map(({ place, component }) => `${place} ${component}`)
  for (const [from, to] of requests) {
    const { trace: foretold, code } = await trace(from, to, '--dry-run')
    const { trace: seen } = await trace(from, to)
    assert.ok(
      foretold.expected?.includes(seen.verdict),
      `${from} -> ${to}: ${foretold.expected?.join()}, ${seen.verdict}`,
    )
    assert.equal(code, foretold.verdict === 'delivered' ? 0 : 1)
    const asked = ({ dns }: Trace): string[] =>
      dns.map(({ question, type, rcode, answers }) => `${question} ${type} ${rcode} ${answers.join()}`)
    assert.deepEqual(asked(foretold), asked(seen), `${from} -> ${to}`)
    if (seen.verdict === 'delivered') assert.deepEqual(places(foretold.hops), places(seen.hops), `${from} -> ${to}`)
  }
})
