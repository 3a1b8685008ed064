import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change, Client } from '../api/client/client.ts'
import { connect } from '../api/client/http.ts'
import type { KubeObject } from '../api/objects/meta.ts'
import { testApi } from '../api/testing.ts'
import { served } from './testing/served.ts'

const ports = [{ name: 'http', port: 80 }]
const changes = 1000

test('a change of a service or of endpoints is in the next answer after its watch event, a thousand times', async (t) => {
  await using api = await testApi()
  const events = new Events()
  const client = connect(api.as('admin'))
  const { ask } = await served(t, events.around(client))
  const headless = 'db.default.svc.cluster.local'
  const virtual = 'web.default.svc.cluster.local'
  await events.of(
    client.create('Service', {
      metadata: { name: 'db', namespace: 'default' },
      spec: { clusterIP: 'None', ports },
    }),
  )
  let slice = await events.of(
    client.create('EndpointSlice', {
      metadata: { name: 'db-1', namespace: 'default', labels: { 'kubernetes.io/service-name': 'db' } },
      addressType: 'IPv4',
      endpoints: [],
      ports,
    }),
  )
  for (let at = 1; at <= changes / 4; at++) {
    const ip = `100.96.${at >> 8}.${at & 255}`
    slice = await events.of(
      client.update('EndpointSlice', {
        ...slice,
        endpoints: [{ addresses: [ip], hostname: `db-${at}`, conditions: { ready: true } }],
      }),
    )
    assert.equal(await ask.summary(headless), `NOERROR ${ip}`)
    assert.equal(await ask.summary(`db-${at}.${headless}`), `NOERROR ${ip}`)
    assert.equal(await ask.summary(`db-${at - 1}.${headless}`), 'NXDOMAIN ~SOA=cluster.local')

    const unready = [{ addresses: [ip], conditions: { ready: false } }]
    slice = await events.of(client.update('EndpointSlice', { ...slice, endpoints: unready }))
    assert.equal(await ask.summary(headless), 'NXDOMAIN ~SOA=cluster.local')

    const clusterIP = `100.64.${at >> 8}.${at & 255}`
    await events.of(
      client.create('Service', { metadata: { name: 'web', namespace: 'default' }, spec: { clusterIP, ports } }),
    )
    assert.equal(await ask.summary(virtual), `NOERROR ${clusterIP}`)

    const gone = events.deleted('web')
    await client.delete('Service', 'web', 'default')
    await gone
    assert.equal(await ask.summary(virtual), 'NXDOMAIN ~SOA=cluster.local')
  }
})

/** What the server itself has been told by its own watches. */
class Events {
  readonly #versions = new Set<string>()
  readonly #waiting = new Map<string, () => void>()

  around(client: Client): Client {
    return {
      ...client,
      follow: (kind, options = {}) =>
        client.follow(kind, {
          ...options,
          onChange: (change) => {
            options.onChange?.(change)
            this.#told(change)
          },
        }),
    }
  }

  /** The object once the server has been told of it. */
  async of<T extends { metadata: { resourceVersion?: string } }>(writing: Promise<T>): Promise<T> {
    const object = await writing
    const version = object.metadata.resourceVersion ?? ''
    if (!this.#versions.has(version)) await new Promise<void>((resolve) => this.#waiting.set(version, resolve))
    return object
  }

  deleted(name: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(`deleted ${name}`, resolve))
  }

  #told({ type, object }: Change<KubeObject>): void {
    const key = type === 'deleted' ? `deleted ${object.metadata.name}` : (object.metadata.resourceVersion ?? '')
    if (type !== 'deleted') this.#versions.add(key)
    this.#waiting.get(key)?.()
    this.#waiting.delete(key)
  }
}
