import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { connect } from '../../api/client/http.ts'
import { testApi } from '../../api/testing.ts'
import { address } from '../../base/address.ts'
import { defaults } from '../config/config.ts'
import { queryOf, read } from '../testing/ask.ts'
import { asker } from '../testing/asker.ts'
import { dnsCommand, type Line } from '../testing/command.ts'
import { createService } from '../testing/served.ts'
import { startWorkers } from './workers.ts'

const main = join(import.meta.dirname, '../../cli/main.ts')
const name = 'web.default.svc.cluster.local'
const questions = 40

test('workers answer at one port as if they were one; one that dies is started again, and nothing that it counted is lost', async () => {
  await using api = await testApi()
  const client = connect(api.as('admin'))
  await createService(client, 'web', '100.64.0.77')
  client.close()
  await using command = await dnsCommand({
    kubeconfig: api.kubeconfig,
    config: `
workers: 2
queryLog: all
listen: ["127.0.0.1:0"]
health: 127.0.0.1:0
ready: 127.0.0.1:0
metrics: 127.0.0.1:0
lameDuck: 0s
`,
  })
  const { ports, child, lines } = command
  const port = ports.dns[0] ?? 0
  const get = async (path: 'health' | 'ready' | 'metrics'): Promise<string> => {
    const response = await fetch(`http://127.0.0.1:${ports[path]}/${path}`)
    return `${response.status} ${await response.text()}`
  }
  const metric = async (name: string): Promise<number> =>
    Number(new RegExp(`^${name}(?:\\{.*\\})? (.*)$`, 'm').exec(await get('metrics'))?.[1])
  await command.line(({ msg }) => msg === 'the whole cluster is known')
  assert.equal(await get('ready'), '200 OK')
  assert.equal(await get('health'), '200 OK')
  assert.equal(await metric('kubehop_dns_workers'), 2)

  // The kernel gives each client to one of them, by its port.
  await askAll(port)
  const asked = (): readonly Line[] => lines.filter(({ name: one }) => one === name)
  await command.line(() => asked().length === questions)
  assert.deepEqual([...new Set(asked().map(({ worker }) => worker))].sort(), [1, 2])
  assert.equal(await metric('coredns_dns_requests_total'), questions)
  assert.equal(await metric('coredns_dns_request_duration_seconds_count'), questions)
  assert.equal(await metric('kubehop_dns_api_connected'), 1)
  assert.equal(await metric('coredns_build_info'), 1)

  const [victim] = childrenOf(child.pid ?? 0)
  process.kill(victim ?? 0, 'SIGKILL')
  const { how } = await command.line(({ msg }) => msg === 'a worker ended; it is started again')
  assert.equal(how, 'SIGKILL')
  // Whom the kernel gave to the one that died, it gives to the other now, and soon to both.
  await askAll(port)
  await command.line(({ msg }) => msg === 'a worker was started again and answers')
  await askAll(port)
  assert.equal(await get('ready'), '200 OK')
  assert.equal(await metric('kubehop_dns_workers'), 2)
  assert.equal(await metric('kubehop_dns_worker_restarts_total'), 1)
  assert.equal(await metric('coredns_dns_requests_total'), 3 * questions)

  child.kill('SIGTERM')
  assert.equal(await command.ended, 0)
})

test('a worker that is there and says nothing is ended, and started again', async () => {
  await using api = await testApi()
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-dns-'))
  const kubeconfig = join(folder, 'kubeconfig')
  writeFileSync(kubeconfig, api.kubeconfig)
  const lines: string[] = []
  const seen = Promise.withResolvers<void>()
  const log = pino(
    {},
    {
      write: (line: string) => {
        lines.push((JSON.parse(line) as { msg: string }).msg)
        if (lines.at(-1) === 'a worker was started again and answers') seen.resolve()
      },
    },
  )
  const children = new Map<number, ChildProcess>()
  const dns = await startWorkers({
    config: { ...defaults, workers: 2, listen: [{ address: address('127.0.0.1'), port: 0 }] },
    log,
    lookMilliseconds: 100,
    spawn(number) {
      const args = [main, 'dns', '--worker', String(number), '--kubeconfig', kubeconfig]
      const child = spawn(process.execPath, [...process.execArgv, ...args], {
        stdio: ['ignore', 'inherit', 'ignore', 'ipc'],
        serialization: 'advanced',
      })
      children.set(number, child)
      return child
    },
  })
  await dns.synced
  // A configuration that changes reaches all of them.
  assert.deepEqual(await dns.reconfigure({ ...dns.config, ttl: 7, zone: 'example.org' }), ['zone'])
  assert.deepEqual([dns.config.ttl, dns.config.zone], [7, 'cluster.local'])
  children.get(2)?.kill('SIGSTOP')
  // Also one that is ended before it has heard of it.
  const changed = dns.reconfigure({ ...dns.config, ttl: 8 })
  await seen.promise
  assert.deepEqual(await changed, [])
  assert.equal(dns.config.ttl, 8)
  const ttls = new Set<number | undefined>()
  for (let at = 0; at < questions; at++) ttls.add(await soaTtl(dns.ports.dns[0] ?? 0))
  assert.deepEqual([...ttls], [8], 'the one that was started again has it, too')
  assert.deepEqual(lines, [
    'a worker has said nothing for too long, and is ended',
    'a worker ended; it is started again',
    'a worker was started again and answers',
  ])
  await dns.close()
  rmSync(folder, { recursive: true })
})

test('a port that cannot be had ends all of them', async () => {
  await using api = await testApi()
  const config = (port: number): string =>
    `{workers: 2, listen: ["127.0.0.1:${port}"], health: off, ready: off, metrics: off}`
  await using first = await dnsCommand({ kubeconfig: api.kubeconfig, config: config(0).replace('workers: 2, ', '') })
  await assert.rejects(
    dnsCommand({ kubeconfig: api.kubeconfig, config: config(first.ports.dns[0] ?? 0) }),
    /another program has this port/,
  )
})

/** Each question from a port of its own. */
async function askAll(port: number): Promise<void> {
  for (let at = 0; at < questions; at++) {
    const one = await asker(port)
    assert.equal(await one.summary(name), 'NOERROR 100.64.0.77')
    one.close()
  }
}

/** Asked from a port of its own. */
async function soaTtl(port: number): Promise<number | undefined> {
  const socket = createSocket('udp4')
  socket.send(queryOf('cluster.local', 'SOA'), port, '127.0.0.1')
  const [reply] = (await once(socket, 'message')) as [Buffer]
  socket.close()
  return read(reply).answers[0]?.ttl
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number)
}
