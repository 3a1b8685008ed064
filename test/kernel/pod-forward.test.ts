import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { killUnheard, leaveForOwnNetwork, makeNode, type Node } from './pod-world.ts'

let node: Node
before(async () => {
  leaveForOwnNetwork()
  node = await makeNode()
})
after(() => node[Symbol.asyncDispose]())

const server = (listen: string): string[] => [
  'node',
  '-e',
  `require('net').createServer({ allowHalfOpen: true }, (s) => { let n = 0; s.on('data', (d) => (n += d.length)).on('end', () => s.end(n + ' bytes')) }).listen(${listen}, () => console.log('up'))`,
]

test('connections begin inside the pod: its loopback, IPv4 or IPv6, and either direction may end first', async () => {
  await node.run('four', { command: server("8080, '127.0.0.1'") })
  await node.run('six', { command: server("8080, '::1'") })
  for (const name of ['four', 'six']) {
    await node.ready(name)
    await listening(name)
    const socket = await node.pods.connect('default', name, 8080)
    socket.write(Buffer.alloc(3_000_000))
    socket.end()
    assert.equal(String(Buffer.concat(await socket.toArray())), '3000000 bytes')
  }
  const many = await Promise.all(Array.from({ length: 100 }, () => node.pods.connect('default', 'four', 8080)))
  for (const socket of many) socket.destroy()
  await node.delete('four')
  await node.delete('six')
})

test('a port that nobody has is refused with what there is', async () => {
  await node.run('own', {
    command: server('9090, process.env.POD_IP'),
    env: [{ name: 'POD_IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } }],
  })
  await node.ready('own')
  await listening('own')
  await assert.rejects(node.pods.connect('default', 'own', 9090), {
    code: 'Refused',
    message:
      /127\.0\.0\.1: ECONNREFUSED.* there listens: 9090 \(only on the pod's address, which port-forward does not use\)/,
  })
  await node.run('quiet', { command: ['sleep', '1000'] })
  await node.ready('quiet')
  await assert.rejects(node.pods.connect('default', 'quiet', 80), { message: /nothing listens there at all/ })
  await assert.rejects(node.pods.connect('default', 'nobody', 80), { code: 'NotFound' })
  await node.delete('own')
  await node.delete('quiet')
})

test('of a pod that has just ended it is said so, not what the kernel makes of it', async () => {
  await node.run('ending', { command: ['sleep', '1000'] }, { restartPolicy: 'Never' })
  await node.ready('ending')
  const { pausePid = 0 } = node.pods.list().find(({ name }) => name === 'ending') ?? {}
  killUnheard(pausePid)
  await assert.rejects(node.pods.connect('default', 'ending', 80), { code: 'Invalid', message: /has just ended/ })
  await node.delete('ending')
})

async function listening(name: string): Promise<void> {
  const stream = node.pods.logs('default', name, 'c', { follow: true })
  await new Promise((resolve) => stream.once('data', resolve))
  stream.destroy()
}
