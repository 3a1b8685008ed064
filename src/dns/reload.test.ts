import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { load, type Source } from './config/load.ts'
import { keepReloading, type Reloading } from './config/reload.ts'
import { type Dns, startDns } from './dns.ts'
import { queryOf, read, summary } from './testing/ask.ts'
import { localCluster } from './testing/served.ts'
import { record, replyTo } from './testing/upstream.ts'
import { decodeMessage, encodeMessage } from './wire/codec.ts'

test('a file that is written over and over costs no question its answer', async (t) => {
  const [slow, fast] = [await upstream(t, '192.0.2.1', 30), await upstream(t, '192.0.2.2', 0)]
  const text = (ttl: number, port: number): string => `
listen: ["127.0.0.1:0"]
health: off
ready: off
metrics: "127.0.0.1:0"
ttl: ${ttl}s
cache: {size: ${ttl % 3 === 0 ? 0 : 100}}
hosts: {entries: [192.0.2.${100 + ttl} own.example]}
forward: ["127.0.0.1:${port}"]
stub: {stub.example: ["127.0.0.1:${port}"]}
`
  const { dns, ask, write, reloading } = await started(t, text(0, slow))

  const heard = new Set<string>()
  const end = new AbortController()
  const askers = Array.from({ length: 20 }, async (_, asker) => {
    for (let count = 0; !end.signal.aborted; count++) {
      const names = [
        'kubernetes.default.svc.cluster.local',
        `a${count}.example`,
        `${asker}.stub.example`,
        'own.example',
      ]
      heard.add((await ask(names[count % 4] ?? '')).replace(/\.1\d\d$/, '.1xx'))
    }
  })
  for (let ttl = 1; ttl <= 30; ttl++) {
    write(text(ttl, ttl % 2 === 0 ? slow : fast))
    await reloading.reload()
    assert.equal(dns.config.ttl, ttl)
    await wait(5)
  }
  // On a busy machine a configuration may have come and gone before anybody asked.
  for (const [ttl, port, answer] of [
    [31, fast, 'NOERROR 192.0.2.2'],
    [32, slow, 'NOERROR 192.0.2.1'],
  ] as const) {
    write(text(ttl, port))
    await reloading.reload()
    while (!heard.has(answer)) await wait(5)
  }
  end.abort()
  await Promise.all(askers)
  assert.deepEqual([...heard].toSorted(), [
    'NOERROR 100.64.0.1',
    'NOERROR 192.0.2.1',
    'NOERROR 192.0.2.1xx',
    'NOERROR 192.0.2.2',
  ])
})

test('while the file is wrong the server goes on as before, and metrics say so', async (t) => {
  const good = 'listen: ["127.0.0.1:0"]\nmetrics: "127.0.0.1:0"\nhealth: off\nready: off\n'
  const { dns, ask, write, reloading } = await started(t, good)
  const metric = async (name: string): Promise<string | undefined> => {
    const page = await (await fetch(`http://127.0.0.1:${dns.ports.metrics}/metrics`)).text()
    return page.split('\n').find((line) => line.startsWith(name))
  }
  const before = await metric('coredns_reload_version_info')
  write('ttl: never\n')
  await reloading.reload()
  assert.equal(await metric('coredns_reload_failed_total'), 'coredns_reload_failed_total 1')
  assert.equal(await metric('coredns_reload_version_info'), before)
  assert.equal(await ask('kubernetes.default.svc.cluster.local'), 'NOERROR 100.64.0.1')
  write(`${good}ttl: 7s\n`)
  await reloading.reload()
  assert.equal(await metric('coredns_reload_failed_total'), 'coredns_reload_failed_total 1')
  assert.notEqual(await metric('coredns_reload_version_info'), before)
})

async function started(
  t: TestContext,
  text: string,
): Promise<{
  dns: Dns
  ask: (name: string) => Promise<string>
  write: (text: string) => void
  reloading: Reloading
}> {
  const folder = mkdtempSync(join(tmpdir(), 'kubehop-dns-'))
  const path = join(folder, 'dns.yaml')
  const write = (text: string): void => writeFileSync(path, text)
  write(text)
  const client = localCluster()
  await client.create('Service', {
    metadata: { name: 'kubernetes', namespace: 'default' },
    spec: { clusterIP: '100.64.0.1', ports: [{ name: 'https', port: 443 }] },
  })
  const log = pino({ level: 'silent' })
  const source: Source = { path, format: 'yaml', override: (config) => config }
  const dns = await startDns({ client, config: load(source, text).config, log })
  await dns.synced
  const reloading = keepReloading({ source, text, dns, log })
  t.after(async () => {
    reloading.close()
    await dns.close()
    client.close()
    rmSync(folder, { recursive: true })
  })
  return { dns, ask: (name) => ask(dns.ports.dns[0] ?? 0, name), write, reloading }
}

async function ask(port: number, name: string): Promise<string> {
  const socket = createSocket('udp4')
  socket.send(queryOf(name, 'A'), port, '127.0.0.1')
  const [reply] = (await once(socket, 'message', { signal: AbortSignal.timeout(5000) })) as [Buffer]
  socket.close()
  return summary(read(reply))
}

/** Says `ip` for every name, after a while. */
async function upstream(t: TestContext, ip: string, milliseconds: number): Promise<number> {
  const socket = createSocket('udp4')
  const timers = new Set<NodeJS.Timeout>()
  socket.on('message', (bytes, from) => {
    const query = decodeMessage(bytes)
    const reply = query && encodeMessage(replyTo(query, [record(query.questions[0]?.name ?? '', ip)]))
    if (reply) timers.add(setTimeout(() => socket.send(reply, from.port, from.address), milliseconds))
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.after(() => {
    for (const timer of timers) clearTimeout(timer)
    socket.close()
  })
  return socket.address().port
}
