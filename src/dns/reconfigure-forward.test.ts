import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { type DnsConfig, forwardDefaults, type UpstreamConfig } from './config/config.ts'
import { scripted } from './testing/forwarder.ts'
import { here, localCluster, served } from './testing/served.ts'
import { record, replyTo, type Script } from './testing/upstream.ts'

const answering =
  (ip: string): Script =>
  (query) => [replyTo(query, [record(query.questions[0]?.name ?? '', ip)])]

test('other upstreams are asked from the next question on; a loop among them is found, and the cache is of those that said it', async (t) => {
  const [one, other] = [await scripted(t, answering('192.0.2.1')), await scripted(t, answering('192.0.2.2'))]
  const lines: { level: number; msg: string }[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const { dns, port } = await served(t, localCluster(), asking(one), { log })
  const resolver = new Resolver({ timeout: 2000, tries: 1 })
  resolver.setServers([`127.0.0.1:${port}`])
  assert.deepEqual(await resolver.resolve4('www.test'), ['192.0.2.1'])
  await dns.reconfigure({ ...dns.config, ttl: 7 })
  assert.deepEqual(await resolver.resolve4('www.test'), ['192.0.2.1'])
  assert.equal(one.asked.filter((line) => line === 'udp www.test').length, 1, 'its cache is kept')

  await dns.reconfigure({ ...dns.config, ...asking(other) })
  assert.deepEqual(await resolver.resolve4('www.test'), ['192.0.2.2'])

  await dns.reconfigure({ ...dns.config, ...asking({ address: here.address, port }) })
  while (!lines.some(({ msg }) => msg.includes('sends questions back to this server'))) await wait(5)
  await assert.rejects(resolver.resolve4('www.test'), { code: 'ESERVFAIL' })

  await dns.reconfigure({ ...dns.config, ...asking(one), stub: [{ domain: 'corp.test', ...asking(other) }] })
  assert.deepEqual(await resolver.resolve4('www.test'), ['192.0.2.1'])
  assert.deepEqual(await resolver.resolve4('www.corp.test'), ['192.0.2.2'])
})

function asking(to: UpstreamConfig): { forward: NonNullable<DnsConfig['forward']> } {
  return { forward: { ...forwardDefaults, to: [to] } }
}
