// API servers that accept and never end what they say.
import assert from 'node:assert/strict'
import { createServer as createTcpServer, type Server } from 'node:net'
import { test } from 'node:test'
import { api, asking, empty, type Ended, kubehop } from './testing-api.ts'

/** What both commands say about this server, and with which code they end. */
function said(server: Server): Promise<{ address: string; doctor: Ended; trace: Ended }> {
  return asking(server, async (address, config) => {
    const where = ['--kubeconfig', config, '--timeout', '1']
    const [doctor, trace] = await Promise.all([
      kubehop('doctor', ...where),
      kubehop('trace', '--dry-run', ...where, 'shop/client', 'http://web/'),
    ])
    return { address, doctor, trace }
  })
}

test('a server that takes questions and never answers is named, with what it was asked for', async () => {
  const { address, doctor, trace } = await said(api(() => {}))
  const owes =
    'no whole answer to the question for services, pods, endpointslices.discovery.k8s.io and 9 more within 1 s'
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
