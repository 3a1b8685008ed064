// API servers that accept and never end what they say, asked by the program as people call it.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { newAuthority } from '../api/certificates/authority.ts'
import { makeClientCertificate, makeServerCertificate } from '../api/certificates/certificates.ts'
import { kubeconfig } from '../api/client/kubeconfig.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const authority = newAuthority()
const empty = JSON.stringify({ kind: 'List', apiVersion: 'v1', metadata: { resourceVersion: '1' }, items: [] })

/** What both commands say about this server, and with which code they end. */
async function said(server: Server): Promise<{ address: string; doctor: Ended; trace: Ended }> {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-patience-'))
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    // Whoever gives up breaks off.
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const address = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
    const config = join(folder, 'config')
    const { cert, key } = makeClientCertificate(authority, { name: 'reader', groups: [] })
    writeFileSync(config, kubeconfig({ server: address, ca: authority.cert, cert, key }))
    const where = ['--kubeconfig', config, '--timeout', '1']
    const [doctor, trace] = await Promise.all([
      kubehop('doctor', ...where),
      kubehop('trace', '--dry-run', ...where, 'shop/client', 'http://web/'),
    ])
    return { address, doctor, trace }
  } finally {
    server.close()
    for (const socket of sockets) socket.destroy()
    rmSync(folder, { recursive: true })
  }
}

interface Ended {
  readonly code: number
  readonly out: string
  readonly err: string
}

function kubehop(...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...words], { timeout: 60_000 }, (error, out, err) =>
      resolve({ code: error ? Number(error.code ?? -1) : 0, out, err }),
    )
  })
}

function api(answer: RequestListener): Server {
  return createServer(makeServerCertificate(authority, { name: 'api' }, ['127.0.0.1']), answer)
}

test('a server that takes questions and never answers is named, with what it was asked for', async () => {
  const { address, doctor, trace } = await said(api(() => {}))
  const owes =
    'no whole answer to the question for services, pods, endpointslices.discovery.k8s.io and 8 more within 1 s'
  assert.deepEqual(doctor, {
    code: 1,
    out: '',
    err: `kubehop doctor: ${address}: ${owes}; --timeout SECONDS waits longer\n`,
  })
  assert.equal(trace.code, 1)
  assert.match(
    trace.err,
    /^kubehop trace: https:\S+: no whole answer to the question for pods, services, .* within 1 s;/,
  )
})

test('a server that trickles, or ends all answers but one, is told by what is missing', async () => {
  const { doctor, trace } = await said(
    api((request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      if (!request.url?.includes('/endpointslices')) return response.end(empty)
      // For ever, and always something.
      const more = (): void => void response.write(' ', (error) => error ?? setTimeout(more, 20))
      response.write('{"items":[')
      return more()
    }),
  )
  for (const { code, err } of [doctor, trace]) {
    assert.match(err, /no whole answer to the question for endpointslices\.discovery\.k8s\.io within 1 s;/)
    assert.equal(code, 1)
  }
})

test('a server that accepts connections and speaks no TLS is told in the same words', async () => {
  const { doctor, trace } = await said(createTcpServer(() => {}))
  assert.match(doctor.err, /^kubehop doctor: https:\S+: no whole answer to the question for services, /)
  assert.match(trace.err, /^kubehop trace: https:\S+: no whole answer to the question for pods, /)
  assert.deepEqual([doctor.code, trace.code], [1, 1])
})

test('a server that answers in time is waited for no longer than it takes', async () => {
  const { doctor } = await said(
    api((_, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(empty)),
  )
  assert.deepEqual([doctor.code, doctor.err], [0, ''])
})
