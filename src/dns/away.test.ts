import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect } from '../api/client/http.ts'
import { testApi } from '../api/testing.ts'
import { createService, here, served } from './testing/served.ts'

test('while the API server is away what was known last is answered, and both is told', async (t) => {
  const stateDir = mkdtempSync(join(tmpdir(), 'dns-away-'))
  t.after(() => rmSync(stateDir, { recursive: true }))
  let api = await testApi({ stateDir })
  const client = connect(api.as('admin'))
  await client.create('Service', {
    metadata: { name: 'kube-dns', namespace: 'kube-system' },
    spec: { clusterIP: '100.64.0.10', ports: [{ port: 53 }] },
  })
  const { dns, ask } = await served(t, client, { metrics: here }, { patience: 0.05 })
  t.after(() => api.api.close())
  const metric = async (name: string): Promise<number> => {
    const text = await (await fetch(`http://127.0.0.1:${dns.ports.metrics}/metrics`)).text()
    return Number(new RegExp(`^${name} (.*)$`, 'm').exec(text)?.[1])
  }
  const name = 'kube-dns.kube-system.svc.cluster.local'
  assert.equal(await metric('kubehop_dns_api_connected'), 1)
  assert.ok((await metric('kubehop_dns_api_last_word_seconds')) < 60)

  const { port } = new URL(api.server)
  await api.api.close()
  while ((await metric('kubehop_dns_api_connected')) !== 0) assert.equal(await ask.summary(name), 'NOERROR 100.64.0.10')
  const silentFor = await metric('kubehop_dns_api_last_word_seconds')
  for (const until = performance.now() + 200; performance.now() < until; )
    assert.equal(await ask.summary(name), 'NOERROR 100.64.0.10')
  assert.ok((await metric('kubehop_dns_api_last_word_seconds')) > silentFor)

  api = await testApi({ stateDir, port: Number(port), authority: api.authority })
  while ((await metric('kubehop_dns_api_connected')) !== 1) assert.equal(await ask.summary(name), 'NOERROR 100.64.0.10')
  // What changed meanwhile is known now, and so is what changes next.
  await createService(client, 'web', '100.64.0.77')
  while ((await ask.summary('web.default.svc.cluster.local')) !== 'NOERROR 100.64.0.77')
    assert.equal(await ask.summary(name), 'NOERROR 100.64.0.10')

  const { promise, resolve } = Promise.withResolvers<void>()
  const told = new Map<string, string>()
  const events = client.follow('Event', {
    namespace: 'kube-system',
    onChange({ object }) {
      told.set(object.reason ?? '', `${object.involvedObject.kind} ${object.involvedObject.name}: ${object.message}`)
      if (told.has('DNSOutOfDate') && told.has('DNSUpToDate')) resolve()
    },
  })
  await promise
  events.close()
  assert.match(
    told.get('DNSOutOfDate') ?? '',
    /^Service kube-dns: the API server could not be followed from [\d:]+ UTC on/,
  )
})
