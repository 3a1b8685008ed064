import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttp, get } from 'node:http'
import { createServer, Socket } from 'node:net'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { address } from '../../src/base/address.ts'
import { createNetns, inNetns, type Netns } from '../../src/kernel/netns.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import { bindUdp, connectTcp, listenTcp } from '../../src/kernel/socket.ts'
import { readSysctl, writeSysctl } from '../../src/kernel/sysctl.ts'

const localhost = address('127.0.0.1')

function withLoopback(): Netns {
  const ns = createNetns()
  using socket = openRouteSocket(ns)
  socket.apply(setLink('lo', { up: true }))
  return ns
}

test('two namespaces have the same port, each its own server and clients', async () => {
  using one = withLoopback()
  using two = withLoopback()
  for (const [ns, say] of [
    [one, 'one'],
    [two, 'two'],
  ] as const) {
    const server = createHttp((_request, response) => response.end(say))
    server.listen({ fd: listenTcp(ns, localhost, 8080) })
    await once(server, 'listening')
    const answer = await new Promise<string>((resolve, reject) => {
      get(
        'http://127.0.0.1:8080/',
        { createConnection: () => connectTcp({ ns, address: localhost, port: 8080 }) },
        (response) => {
          response.setEncoding('utf8').on('data', resolve)
        },
      ).on('error', reject)
    })
    assert.equal(answer, say)
    assert.throws(() => listenTcp(ns, localhost, 8080), { code: 'EADDRINUSE' })
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }
})

test('a refused connection is an error event, without a moment of blocking', async () => {
  using ns = withLoopback()
  const [error] = (await once(connectTcp({ ns, address: localhost, port: 1 }), 'error')) as [NodeJS.ErrnoException]
  assert.equal(error.code, 'ECONNREFUSED')
  using dark = createNetns()
  const [far] = (await once(connectTcp({ ns: dark, address: address('10.0.0.1'), port: 1 }), 'error')) as [
    NodeJS.ErrnoException,
  ]
  assert.equal(far.code, 'ENETUNREACH')
})

test('a connection carries data both ways, from the address and port asked for', async () => {
  using ns = withLoopback()
  const server = createServer((client) => client.end(`${client.remoteAddress}:${client.remotePort}`))
  server.listen({ fd: listenTcp(ns, localhost, 9) })
  const from = { address: address('127.0.0.7'), port: 4321 }
  const client: Socket = connectTcp({ ns, address: localhost, port: 9, from })
  const [data] = (await once(client.setEncoding('utf8'), 'data')) as [string]
  assert.equal(data, '127.0.0.7:4321')
  server.close()
  await once(server, 'close')
})

test('a UDP socket bound in a namespace hears only what is sent there', async () => {
  using ns = withLoopback()
  const server = createSocket('udp4')
  server.bind({ fd: bindUdp(ns, localhost, 53) })
  const client = createSocket('udp4')
  client.bind({ fd: bindUdp(ns, localhost, 0) })
  client.send('who', 53, '127.0.0.1')
  const [message] = (await once(server, 'message')) as [Buffer]
  assert.equal(message.toString(), 'who')
  client.close()
  server.close()
})

test('a thread is back home after a body that throws, and leaks no descriptor', () => {
  using ns = createNetns()
  const before = readdirSync('/proc/self/fd').length
  const home = readSysctl('net.ipv4.ip_forward')
  for (let i = 0; i < 50; i++) {
    assert.throws(
      () =>
        inNetns(ns, () => {
          throw new Error('no')
        }),
      /no/,
    )
  }
  assert.throws(() => inNetns(ns, async () => {}), TypeError)
  writeSysctl('net.ipv4.ip_forward', 1, ns)
  assert.equal(readSysctl('net.ipv4.ip_forward', ns), '1')
  assert.equal(readSysctl('net.ipv4.ip_forward'), home)
  assert.equal(readdirSync('/proc/self/fd').length, before)
})

test('the threads that Node makes later are at home, even when a body asked for them first', () => {
  const script = `
    import { lstat, readdirSync, readlinkSync } from 'node:fs'
    import { createNetns, inNetns } from ${JSON.stringify(new URL('../../src/kernel/netns.ts', import.meta.url).href)}
    inNetns(createNetns(), () => lstat('/', () => {}))
    const links = readdirSync('/proc/self/task').map((task) => readlinkSync('/proc/self/task/' + task + '/ns/net'))
    console.log(new Set(links).size)`
  // This thread waits for it, so the time limit of tests could not end it.
  const child = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    timeout: 60_000,
    killSignal: 'SIGKILL',
    encoding: 'utf8',
  })
  assert.equal(child.stdout, '1\n', child.stderr)
})

test('a setting that does not exist, or may not be, is named', () => {
  using ns = createNetns()
  assert.throws(
    () => readSysctl('net.ipv4.nonsense', ns),
    /kernel: read sysctl net\.ipv4\.nonsense: ENOENT: this kernel/,
  )
  assert.throws(() => writeSysctl('net.ipv4.ip_forward', 'perhaps', ns), { code: 'EINVAL' })
  assert.throws(() => readSysctl('net.ipv4.../../x', ns), TypeError)
})
