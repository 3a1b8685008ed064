// kubectl logs and exec through the API server to a node's agent that answers as kubelet does.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { type WebSocket, WebSocketServer } from 'ws'
import { makeNodeCertificate } from '../../src/api/certificates/certificates.ts'
import { type TestApi, testApi } from '../../src/api/testing.ts'
import { findKubectl, Kubectl } from './kubectl.ts'

const found = findKubectl()
const skip = 'skip' in found ? found.skip : false
let cluster: TestApi
let kubectl: Kubectl
let agent: Server
const asked: string[] = []

before(async () => {
  if ('skip' in found) return
  cluster = await testApi()
  kubectl = new Kubectl(found.path, cluster.kubeconfig)
  agent = startAgent(cluster)
  agent.listen(0, '127.0.0.1')
  await once(agent, 'listening')
  const { client } = cluster.api
  const status = {
    addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
    daemonEndpoints: { kubeletEndpoint: { Port: (agent.address() as AddressInfo).port } },
  }
  await client.create('Node', { metadata: { name: 'node1' }, status })
  await client.create('Pod', {
    metadata: { name: 'p', namespace: 'default' },
    spec: {
      nodeName: 'node1',
      containers: [
        { name: 'a', image: 'host' },
        { name: 'b', image: 'host' },
      ],
    },
  })
})
after(async () => {
  kubectl?.[Symbol.dispose]()
  await cluster?.[Symbol.asyncDispose]()
  agent?.closeAllConnections()
  agent?.close()
})

/** Streams two log lines; echoes what exec is sent, in upper case, and exits with 7. */
function startAgent({ authority }: TestApi): Server {
  const pair = makeNodeCertificate(authority, { name: 'system:node:node1', groups: ['system:nodes'] }, ['127.0.0.1'])
  const server = createServer(
    { ...pair, ca: authority.cert, requestCert: true, rejectUnauthorized: true },
    (request, response) => {
      asked.push(`${request.url} as ${String((request.socket as TLSSocket).getPeerCertificate().subject.CN)}`)
      if (request.url?.startsWith('/broken')) response.writeHead(418, { 'content-type': 'text/plain' }).end('no')
      else if (request.url?.includes('previous=true'))
        response.writeHead(400, { 'content-type': 'text/plain' }).end('container "a" is waiting to start\n')
      else {
        response.write('first\n')
        setImmediate(() => response.end('second\n'))
      }
    },
  )
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v5.channel.k8s.io' })
  server.on('upgrade', (request, socket, head) => {
    asked.push(`${request.url}`)
    sockets.handleUpgrade(request, socket, head, (ws) => serveExec(ws))
  })
  return server
}

function serveExec(ws: WebSocket): void {
  ws.on('message', (data: Buffer) => {
    if (data[0] === 0) ws.send(Buffer.concat([Buffer.of(1), Buffer.from(data.subarray(1).toString().toUpperCase())]))
    if (data[0] !== 255) return
    const status = {
      metadata: {},
      status: 'Failure',
      reason: 'NonZeroExitCode',
      message: 'exit 7',
      details: { causes: [{ reason: 'ExitCode', message: '7' }] },
    }
    ws.send(Buffer.concat([Buffer.of(3), Buffer.from(JSON.stringify(status))]))
    ws.close(1000)
  })
}

test('logs come from the node, by container', { skip }, async () => {
  assert.equal(await kubectl.run('logs', 'p', '-c', 'b', '--tail=5', '-f'), 'first\nsecond\n')
  assert.match(asked.at(-1) ?? '', /^\/containerLogs\/default\/p\/b\?.*tailLines=5.* as kube-apiserver-kubelet-client$/)
  assert.match((await kubectl.try(['logs', 'p', '-c', 'x'])).err, /container x is not valid for pod p/)
})

test('what the node says about a log that is not there is what kubectl shows', { skip }, async () => {
  assert.match(
    (await kubectl.try(['logs', 'p', '-c', 'a', '-p'])).err,
    /\(BadRequest\): container "a" is waiting to start$/m,
  )
})

test('exec goes through as a WebSocket, with input, output and exit code', { skip }, async () => {
  const { code, out } = await kubectl.try(['exec', '-i', 'p', '-c', 'a', '--', 'tr', 'a b', '&x=1'], 'hello')
  assert.equal(out, 'HELLO')
  assert.equal(code, 7)
  const url = new URL(asked.at(-1) ?? '', 'https://agent')
  assert.equal(url.pathname, '/exec/default/p/a')
  assert.deepEqual(url.searchParams.getAll('command'), ['tr', 'a b', '&x=1'])
  assert.deepEqual(
    [url.searchParams.get('stdin'), url.searchParams.get('input'), url.searchParams.get('output')],
    ['true', '1', '1'],
  )
})

test('nodes/proxy passes any path on, and its answer back', { skip }, async () => {
  assert.equal(await kubectl.run('get', '--raw', '/api/v1/nodes/node1/proxy/any/path?x=1'), 'first\nsecond\n')
  assert.match(asked.at(-1) ?? '', /^\/any\/path\?x=1 as/)
  assert.match((await kubectl.try(['get', '--raw', '/api/v1/nodes/node1/proxy/broken'])).err, /no/)
})

test('taints and cordons come and go', { skip }, async () => {
  const spec = async (): Promise<{ taints?: { key: string }[]; unschedulable?: boolean }> =>
    JSON.parse(await kubectl.run('get', 'node', 'node1', '-o', 'json')).spec
  await kubectl.run('taint', 'node', 'node1', 'a=b:NoSchedule', 'c=d:NoExecute')
  await kubectl.run('taint', 'node', 'node1', 'a-')
  assert.deepEqual(
    (await spec()).taints?.map((one) => one.key),
    ['c'],
  )
  await kubectl.run('cordon', 'node1')
  assert.match(await kubectl.run('get', 'nodes'), /node1 +Unknown,SchedulingDisabled/)
  await kubectl.run('uncordon', 'node1')
  assert.equal((await spec()).unschedulable, undefined)
})

test('a node that does not answer is named', { skip }, async () => {
  const { client } = cluster.api
  await client.create('Node', {
    metadata: { name: 'dead' },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: 1 } },
    },
  })
  await client.create('Pod', {
    metadata: { name: 'q' },
    spec: { nodeName: 'dead', containers: [{ name: 'a', image: 'host' }] },
  })
  for (const args of [
    ['logs', 'q'],
    ['exec', 'q', '--', 'ls'],
  ])
    assert.match(
      (await kubectl.try(args)).err,
      /error dialing the agent of dead at 127\.0\.0\.1:1: connect ECONNREFUSED/,
    )
})
