// What the doctor says of requests that ask the wrong thing, or whose way to the right one is closed.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import type { Trace } from '../../src/trace/types.ts'
import { World } from './trace-world.ts'

let world: World
before(async () => {
  world = new World()
  world.pod('client', 'node1')
  world.pod('far', 'node2', { app: 'web' })
  world.service('web', '100.64.0.21', 80, 8080, ['far'], {
    type: 'NodePort',
    ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }],
    selector: { app: 'web' },
  })
  world.teach()
  await world.web('far')
})
after(async () => {
  await world[Symbol.asyncDispose]()
})

/** Without who said so, which is told of every failure. */
const found = ({ why }: Trace): string[] =>
  why.filter(({ level }) => level === 'error').map(({ code, fix }) => `${code}: ${fix}`)
const node2 = (): string =>
  world.nodes.find(({ metadata }) => metadata.name === 'node2')?.status?.addresses?.[0]?.address ?? ''

test('a node that is asked on the port of a service is told from one whose program is missing', async () => {
  const trace = await world.trace('client', `${node2()}:80`, { timeoutMs: 500 })
  assert.deepEqual(found(trace), [`PortOfService: ask for ${node2()}:30080`])
  assert.equal((await world.trace('client', `http://${node2()}:30080/`)).verdict, 'delivered')
})

test('a pod that is asked on the port of its service is told its own', async () => {
  const trace = await world.trace('client', `pod/far:80`)
  assert.deepEqual(
    [trace.verdict, found(trace)],
    ['refused', [`PortOfPod: ask for ${world.addressOf('far')}:8080, or the service`]],
  )
})

test('a pinged service says nothing about it', async () => {
  const trace = await world.trace('client', 'icmp://100.64.0.21', { timeoutMs: 300 })
  assert.deepEqual(found(trace), ['ServicePinged: ask one of its ports: tcp://web.shop:80'])
})

test('what to do after a no depends on who said what', async () => {
  const fixOf = async (to: string): Promise<string> =>
    (await world.trace('client', to, { timeoutMs: 500 })).why.find(({ code }) => code === 'SaidNo')?.fix ?? ''
  assert.equal(
    await fixOf('203.0.113.9:80'),
    '203.0.113.9 is outside the cluster, and pods have no way out: router would need a route there, such as ip route add default via GATEWAY',
  )
  assert.equal(
    await fixOf('100.96.2.77:80'),
    'the way ends at node2: no pod has it: kubectl get pods -A -o wide has the addresses of now',
  )
  const listens = 'the way there is right: look at what listens in pod shop/far, and on which port'
  assert.equal(await fixOf('pod/far:81'), listens)
  assert.equal(await fixOf('udp://pod/far:81'), listens.replace('shop/', ''))
  assert.match(await fixOf('svc/web:81'), /^the way to node1 is right, and a rule there answers/)
})

test('a program that answers something else is quoted, and not called silent', async () => {
  await world.program(
    'far',
    `require('net').createServer((one) => one.end('SSH-2.0-nobody\\r\\n')).listen(2222, () => console.log('ready'))`,
  )
  const { verdict, why } = await world.trace('client', `http://${world.addressOf('far')}:2222/`, { timeoutMs: 500 })
  assert.equal(verdict, 'no-answer')
  assert.deepEqual(
    why.map(({ code }) => code),
    ['ProgramSilent'],
  )
  assert.match(why[0]?.say ?? '', /took the connection, and no HTTP answer came over it \(.*SSH-2\.0-nobody/)
})

// The last: node2's routes go with its card.
test('a node port whose node no packet reaches is not blamed on the service', async () => {
  const down = (up: boolean): void => {
    using socket = openRouteSocket(world.node('node2'))
    socket.apply(setLink('eth0', { up }))
  }
  down(false)
  try {
    const trace = await world.trace('client', `${node2()}:30080`, { timeoutMs: 500 })
    assert.equal(trace.verdict, 'no-answer')
    assert.match(found(trace)[0] ?? '', /^NodePortUnreachable: the way to .* is wrong, not the service/)
    assert.equal(found(trace).length, 1)
  } finally {
    down(true)
  }
})
