import type { TestContext } from 'node:test'
import { keyOf } from '../api/client/client.ts'
import { localClient } from '../api/client/local.ts'
import type { Client } from '../api/client/client.ts'
import type { KindName, Kinds } from '../api/objects/index.ts'
import type { Pod } from '../api/objects/pod.ts'
import { bootstrap } from '../api/registry/bootstrap.ts'
import { Registry } from '../api/registry/registry.ts'
import { apiVersionOf, resources } from '../api/resources.ts'
import { Store } from '../api/store/store.ts'
import { cidr } from '../base/address.ts'
import { makeLog } from '../base/log.ts'
import type { Clock } from './clock.ts'
import { type Control, type ControlOptions, startControl } from './control.ts'

// What the tests of this room share: objects in few words, time that is moved by hand, and a whole control plane in memory.

/** An object as the API would have stored it: with a uid that tells which it is, and no more than is given. */
export function object<K extends KindName>(kind: K, name: string, rest: object = {}): Kinds[K] {
  const { metadata, ...fields } = rest as { metadata?: object }
  const namespace = resources[kind].namespaced ? { namespace: 'default' } : {}
  return {
    apiVersion: apiVersionOf(resources[kind]),
    kind,
    metadata: { name, ...namespace, uid: `uid-${name}`, creationTimestamp: '2026-01-01T00:00:00Z', ...metadata },
    ...fields,
  } as unknown as Kinds[K]
}

export const start: number = Date.parse('2026-01-01T00:00:00Z')

/** Time that stands still until it is moved. */
export function manualClock(from: number = start): Clock & { move(ms: number): void } {
  let now = from
  const waiting = new Set<{ at: number; call: () => void }>()
  return {
    now: () => now,
    steady: () => now,
    after(ms, call) {
      const timer = { at: now + ms, call }
      waiting.add(timer)
      return () => waiting.delete(timer)
    },
    move(ms) {
      now += ms
      for (const timer of [...waiting].sort((a, b) => a.at - b.at))
        if (timer.at <= now && waiting.delete(timer)) timer.call()
    },
  }
}

export interface TestCluster {
  client: Client
  /** Fulfilled as soon as the objects of a kind are so; fails the test when they never become so. */
  until<K extends KindName>(kind: K, test: (objects: Kinds[K][]) => boolean): Promise<Kinds[K][]>
  all<K extends KindName>(kind: K, namespace?: string): Promise<Kinds[K][]>
  /** A Ready node, as its agent would register it. */
  node(name: string, more?: object): Promise<void>
  /** Fulfilled when everything that has been set in motion is done, short of what waits for a clock. */
  settle(): Promise<void>
  /** The control loops end, and others begin with what stands in the store. */
  restart(): Promise<void>
  /** The number of the last change. */
  revision(): number
}

/** The real store, registry and client with all loops; only the nodes' agents are missing. */
export async function cluster(t: TestContext, options: Partial<ControlOptions> = {}): Promise<TestCluster> {
  const serviceCidr = cidr('100.64.0.0/13')
  const registry = new Registry({ store: new Store(), serviceCidr })
  bootstrap(registry)
  const log = makeLog('control', 'error')
  const client = localClient({ registry, log })
  const begin = (): Control =>
    startControl({
      client,
      podCidr: cidr('100.96.0.0/11'),
      nodePrefix: 24,
      serviceCidr,
      apiAddress: '192.168.50.2',
      apiPort: 6443,
      ca: 'certificate',
      log,
      ...options,
    })
  let control = begin()
  t.after(() => {
    control.close()
    client.close()
  })
  await control.started
  return {
    client,
    until: (kind, test) => until(client, kind, test),
    all: async (kind, namespace = 'default') => (await client.list(kind, { namespace })).items,
    async node(name, more = {}) {
      const status = { conditions: [{ type: 'Ready', status: 'True' }], allocatable: { pods: '110' } }
      await client.create('Node', { metadata: { name }, ...more })
      await client.patch('Node', name, undefined, { status }, 'status')
    },
    async restart() {
      control.close()
      control = begin()
      await control.started
    },
    revision: () => registry.store.revision,
    async settle() {
      // As long as something is written in one turn of the loop, the next one may have an answer to it.
      for (let quiet = 0, last = -1; quiet < 4; ) {
        await new Promise((done) => setImmediate(done))
        quiet = registry.store.revision === last ? quiet + 1 : 0
        last = registry.store.revision
      }
    },
  }
}

function until<K extends KindName>(
  client: Client,
  kind: K,
  test: (objects: Kinds[K][]) => boolean,
): Promise<Kinds[K][]> {
  const { promise, resolve, reject } = Promise.withResolvers<Kinds[K][]>()
  const held = new Map<string, Kinds[K]>()
  const follower = client.follow(kind, {
    onChange({ type, object }) {
      if (type === 'deleted') held.delete(keyOf(object))
      else held.set(keyOf(object), object)
    },
    onBatch() {
      if (test([...held.values()])) resolve([...held.values()])
    },
  })
  const deadline = setTimeout(
    () => reject(new Error(`still so after 5 s: ${JSON.stringify([...held.values()], null, 1)}`)),
    5000,
  )
  return promise.finally(() => {
    clearTimeout(deadline)
    follower.close()
  })
}

/** Stands in for the agents of all nodes: bound pods become Ready with an address, if they work; terminating ones go. */
export function agents(client: Client, works: (pod: Pod) => boolean = () => true): void {
  let next = 2
  client.follow('Pod', {
    onChange({ type, object: pod }) {
      if (type === 'deleted' || !pod.spec.nodeName) return
      const { name, namespace } = pod.metadata
      if (pod.metadata.deletionTimestamp) void client.delete('Pod', name, namespace, { gracePeriodSeconds: 0 })
      else if (pod.status?.podIP === undefined && works(pod))
        void client.patch('Pod', name, namespace, { status: running(pod, next++) }, 'status')
    },
  })
}

function running(pod: Pod, number: number): Pod['status'] {
  const ip = `100.96.1.${number}`
  const ready = { type: 'Ready', status: 'True' as const, lastTransitionTime: new Date().toISOString() }
  return { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [...(pod.status?.conditions ?? []), ready] }
}

/** In the order of their text, whatever they are. */
export function sorted<T>(values: Iterable<T>): T[] {
  return [...values].sort((a, b) => (String(a) < String(b) ? -1 : 1))
}
