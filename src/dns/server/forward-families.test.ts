import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exposition } from '../../base/metrics/exposition.ts'
import { defaults, forwardDefaults } from '../config/config.ts'
import { makeForwarding } from '../forward/forwarding.ts'
import { asked, scripted, silent } from '../testing/forwarder.ts'
import { record, replyTo } from '../testing/upstream.ts'
import { flags } from '../wire/message.ts'
import { forwardFamilies } from './forward-families.ts'

test('upstreams and the cache are counted under CoreDNS’ names and labels', async (t) => {
  const upstream = await scripted(t, (query, transport) => {
    const name = query.questions[0]?.name ?? ''
    if (name === 'silent.test' || name === '') return []
    if (name === 'no.test') return [replyTo(query, [], { rcode: 3 })]
    if (name.startsWith('cut') && transport === 'udp') return [replyTo(query, [], { flags: flags.QR | flags.TC })]
    return [replyTo(query, [record(name, '192.0.2.1')])]
  })
  const to = `127.0.0.1:${upstream.port}`
  const forwarding = makeForwarding({
    config: {
      ...defaults,
      forward: { ...forwardDefaults, to: [upstream], timeout: 30, maxFails: 1, maxConcurrent: 2, healthInterval: 1 },
      cache: { ...defaults.cache, size: 2 },
    },
    log: silent,
  })
  const { forward } = forwarding
  assert.ok(forward)
  for (const name of ['a.test', 'a.test', 'no.test', 'cut1.test', 'cut2.test']) await forward.ask(asked(name))
  const three = ['x.test', 'y.test', 'z.test'].map(async (name) => forward.ask(asked(name)))
  assert.equal((await Promise.allSettled(three)).filter(({ status }) => status === 'rejected').length, 1)
  await assert.rejects(async () => forward.ask(asked('silent.test')), { code: 'Timeout' })
  await assert.rejects(async () => forward.ask(asked('silent.test')), { code: 'Timeout' })

  let text = ''
  for await (const piece of exposition(forwardFamilies(forwarding, 53))) text += piece
  const proxy = `proxy_name="forward"`
  const all = 'server="dns://:53"'
  const rest = 'view="",zones="."'
  const lines = text.split('\n')
  for (const line of [
    '# TYPE coredns_proxy_request_duration_seconds histogram',
    `coredns_proxy_request_duration_seconds_count{${proxy},rcode="NOERROR",to="${to}"} 5`,
    `coredns_proxy_request_duration_seconds_count{${proxy},rcode="NXDOMAIN",to="${to}"} 1`,
    `coredns_proxy_conn_cache_hits_total{proto="tcp",${proxy},to="${to}"} 1`,
    `coredns_proxy_conn_cache_misses_total{proto="tcp",${proxy},to="${to}"} 1`,
    `kubehop_dns_forward_failures_total{to="${to}"} 4`,
    'coredns_forward_max_concurrent_rejects_total 1',
    'coredns_forward_healthcheck_broken_total 1',
    `coredns_cache_entries{${all},type="success",${rest}} 2`,
    `coredns_cache_entries{${all},type="denial",${rest}} 0`,
    `coredns_cache_hits_total{${all},type="success",${rest}} 1`,
    `coredns_cache_misses_total{${all},${rest}} 9`,
    `coredns_cache_requests_total{${all},${rest}} 10`,
    `coredns_cache_served_stale_total{${all},${rest}} 0`,
    `coredns_cache_evictions_total{${all},type="success",${rest}} 3`,
  ])
    assert.ok(lines.includes(line), `${line}\nis not in\n${text}`)
  const failures = lines.find((line) => line.startsWith('coredns_proxy_healthcheck_failures_total{'))
  assert.ok(Number(failures?.split(' ')[1]) >= 1)
  forwarding.close()
})
