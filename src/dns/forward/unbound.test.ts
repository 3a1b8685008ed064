import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { findProgram, type Program } from '../../../bench/harness/programs.ts'
import { makeAuthority, makeServerCertificate } from '../../api/certificates/certificates.ts'
import { address } from '../../base/address.ts'
import { relay } from '../answer/relay.ts'
import type { ForwardConfig, UpstreamConfig } from '../config/config.ts'
import { queryOf, read, summary } from '../testing/ask.ts'
import { asked, forwarderTo } from '../testing/forwarder.ts'
import { unboundConfig } from '../testing/unbound.ts'
import type { types } from '../wire/message.ts'
import { readQuery } from '../wire/query.ts'

const unbound = findProgram('unbound')

test('unbound as the upstream, over UDP, TCP and TLS', { skip: unbound ? false : 'unbound is not here' }, async (t) => {
  const authority = makeAuthority('test')
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, authority.cert])
  t.after(() => setDefaultCACertificates(before))
  const upstream = await startUnbound(
    t,
    unbound ?? assert.fail(),
    makeServerCertificate(authority, { name: 'dns' }, ['dns.test']),
  )

  const rows: [name: string, type: keyof typeof types, expected: string][] = [
    ['www.example.test', 'A', 'NOERROR 192.0.2.1 192.0.2.2'],
    ['www.example.test', 'AAAA', 'NOERROR ~SOA=example.test'],
    ['nosuch.example.test', 'A', 'NXDOMAIN ~SOA=example.test'],
    ['_http._tcp.example.test', 'SRV', 'NOERROR 0/5/80/www.example.test'],
    [
      'text.example.test',
      'TXT',
      `NOERROR ${Array.from({ length: 20 }, (_, at) => `"${textOf(at)}"`)
        .sort()
        .join(' ')}`,
    ],
  ]
  const ways: [UpstreamConfig, Partial<ForwardConfig>][] = [
    [upstream.plain, {}],
    [upstream.plain, { forceTcp: true }],
    [{ ...upstream.tls, tls: { serverName: 'dns.test' } }, {}],
  ]
  for (const [to, how] of ways) {
    const forward = forwarderTo([to], { timeout: 2000, ...how })
    // Twice: the second one comes from memory.
    for (const [name, type, expected] of [...rows, ...rows]) {
      const { reply } = await forward.ask(asked(name, type))
      const query = readQuery(queryOf(name, type))
      assert.ok(query && 'bytes' in query)
      assert.equal(summary(read(relay(query, reply, 0xffff))), expected)
    }
    forward.close()
  }
})

/** More than one datagram takes. */
function textOf(at: number): string {
  return `${at} `.padEnd(200, 'x')
}

async function startUnbound(
  t: TestContext,
  { path, env }: Program,
  { cert, key }: { cert: string; key: string },
): Promise<{ plain: UpstreamConfig; tls: UpstreamConfig }> {
  const folder = mkdtempSync(join(tmpdir(), 'unbound-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const [plain, tls] = [await freePort(), await freePort()]
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const config = unboundConfig([
    'verbosity: 1',
    `interface: 127.0.0.1@${plain}`,
    `interface: 127.0.0.1@${tls}`,
    `tls-port: ${tls}`,
    `tls-service-key: "${file('key.pem', key)}"`,
    `tls-service-pem: "${file('cert.pem', cert)}"`,
    'local-zone: "example.test." static',
    'local-data: "example.test. 60 IN SOA ns.example.test. me.example.test. 1 2 3 4 5"',
    'local-data: "www.example.test. 60 IN A 192.0.2.1"',
    'local-data: "www.example.test. 60 IN A 192.0.2.2"',
    'local-data: "_http._tcp.example.test. 60 IN SRV 0 5 80 www.example.test."',
    ...Array.from({ length: 20 }, (_, at) => `local-data: 'text.example.test. 60 IN TXT "${textOf(at)}"'`),
  ])
  const child = spawn(path, ['-c', file('unbound.conf', config)], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  t.after(() => ended(child))
  const said: string[] = []
  for await (const line of createInterface({ input: child.stderr })) {
    said.push(line)
    if (line.includes('start of service')) break
  }
  assert.equal(child.exitCode, null, said.join('\n'))
  child.stderr.resume()
  const at = address('127.0.0.1')
  return { plain: { address: at, port: plain }, tls: { address: at, port: tls } }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exit = once(child, 'exit')
  child.kill()
  await exit
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
