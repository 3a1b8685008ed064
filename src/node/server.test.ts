import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request as httpsRequest, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { pino } from 'pino'
import { newAuthority } from '../api/certificates/authority.ts'
import { makeClientCertificate, makeNodeCertificate } from '../api/certificates/certificates.ts'
import { address } from '../base/address.ts'
import type { Pods } from '../pod/pods.ts'
import { startServer } from './server.ts'

const authority = newAuthority()
const own = makeNodeCertificate(authority, { name: 'system:node:node1', groups: ['system:nodes'] }, ['127.0.0.1'])
const administrator = makeClientCertificate(authority, { name: 'api', groups: ['system:masters'] })
let server: Server

before(async () => {
  server = startServer({
    // No request of these tests comes as far as a pod.
    pods: {} as Pods,
    tls: { ...own, ca: authority.cert },
    address: address('127.0.0.1'),
    port: 0,
    more: async () => false,
    log: pino({ level: 'silent' }),
  })
  await once(server, 'listening')
})
after(() => server.close())

function ask(
  path: string,
  pair?: { cert: string; key: string },
  headers: Record<string, string> = {},
): Promise<number | string | undefined> {
  const { port } = server.address() as AddressInfo
  const request = httpsRequest({ host: '127.0.0.1', port, path, ca: authority.cert, ...pair, headers, agent: false })
  request.end()
  return new Promise((resolve) => {
    request.on('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    request.once('response', (response: IncomingMessage) => {
      response.resume()
      resolve(response.statusCode)
    })
  })
}

const upgrade = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
}

test("only administrators are answered: no certificate, or a node's, is not enough", async () => {
  assert.equal(await ask('/healthz', administrator), 200)
  assert.equal(await ask('/healthz', own), 403)
  assert.equal(await ask('/containerLogs/default/web/c', own), 403)
  assert.equal(await ask('/exec/default/web/c?command=id', own, upgrade), 403)
  assert.equal(typeof (await ask('/healthz')), 'string')
  const stranger = makeClientCertificate(newAuthority(), { name: 'api', groups: ['system:masters'] })
  assert.equal(typeof (await ask('/healthz', stranger)), 'string')
})

test('a path that cannot be read is refused, and the agent lives on', async () => {
  assert.equal(await ask('/containerLogs/%ff/web/c', administrator), 400)
  assert.equal(await ask('/exec/%ff/web/c', administrator, upgrade), 400)
  assert.equal(await ask('/nothing', administrator, upgrade), 404)
  assert.equal(await ask('/nothing', administrator), 404)
})
