import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ApiError, type Client } from '../../api/client/client.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { address, cidr } from '../../base/address.ts'
import { cluster } from '../testing/across.ts'
import { renderTrace } from '../render/text.ts'
import type { Trace } from '../types.ts'
import { type DryRun, dryRun } from './dry-run.ts'

const dns: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { 'k8s-app': 'kube-dns' } },
  spec: { clusterIP: '100.64.0.10', ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] },
}
const alias: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'shop', namespace: 'shop' },
  spec: { type: 'ExternalName', externalName: 'shop.example.com' },
}
const inner: Service = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'inner', namespace: 'shop' },
  spec: { type: 'ExternalName', externalName: 'web.shop.svc.cluster.local' },
}

/** An API server that shows these, and nothing to who may not see it. */
function client(
  lists: Partial<Record<string, unknown[]>> = {},
  forbidden: readonly string[] = [],
): Pick<Client, 'list'> {
  const all: Partial<Record<string, unknown[]>> = {
    Pod: [...cluster.pods],
    Service: [...cluster.services, dns, alias, inner],
    EndpointSlice: [...cluster.slices],
    Node: [...cluster.nodes],
    Namespace: [{ metadata: { name: 'shop' } }, { metadata: { name: 'kube-system' } }],
    ...lists,
  }
  return {
    list: async (kind: string) => {
      if (forbidden.includes(kind)) throw new ApiError(403, 'Forbidden', `${kind} is forbidden`)
      return { items: all[kind] ?? [], resourceVersion: '1' }
    },
  } as unknown as Pick<Client, 'list'>
}

const ranges = { pods: cidr('100.96.0.0/11'), services: cidr('100.64.0.0/13'), nodes: cidr('192.168.50.0/24') }
const own: NonNullable<DryRun['own']> = { ranges, router: { name: 'router', address: address('192.168.50.1') } }
const ask = (to: string, more: Partial<DryRun> = {}): Promise<Trace> =>
  dryRun({ client: client(), from: 'shop/client', to, ...more })
const places = ({ hops }: Trace): string[] => [...new Set(hops.map(({ place }) => place))]

test('in a cluster of our own every machine on the way is foretold', async () => {
  const trace = await ask('http://web/', { own })
  assert.equal(trace.verdict, 'delivered')
  assert.equal(trace.observed, false)
  assert.deepEqual(places(trace), ['client', 'node1', 'router', 'node2', 'far'])
  assert.deepEqual(
    trace.dns.map(({ question, type, answers }) => [question, type, answers]),
    [
      ['web.shop.svc.cluster.local', 'A', ['100.64.0.20']],
      ['web.shop.svc.cluster.local', 'AAAA', []],
    ],
  )
  const text = renderTrace(trace, { width: 0, color: false, verbose: false })
  assert.match(text, /^shop\/client -> http:\/\/web\/ {4}delivered {4}foretold: nothing was sent\n/)
  assert.match(text, /2 questions to 100\.64\.0\.10, answered by cluster: service shop\/web\n/)
})

test('in a cluster of others, what its network does is said to be its own business', async () => {
  const trace = await ask('http://web/')
  assert.deepEqual(places(trace), ['client', 'node1', 'far'])
  assert.equal(trace.hops[2]?.say, 'how node1 reaches node2 is this cluster’s network plugin’s business')
  assert.deepEqual(trace.expected, ['delivered', 'refused', 'no-answer'])
  assert.match(
    trace.notes?.join('\n') ?? '',
    /pods are taken to be in 100\.96\.0\.0\/22: guessed from the nodes’ podCIDRs/,
  )
})

test('a name is looked for in the search list, and where it ends is said', async () => {
  const trace = await ask('nobody:80', { own })
  assert.equal(trace.verdict, 'name-not-found')
  assert.deepEqual(
    trace.dns.map(({ question, type, rcode }) => `${question} ${type} ${rcode}`),
    [
      'nobody.shop.svc.cluster.local A NXDOMAIN',
      'nobody.shop.svc.cluster.local AAAA NXDOMAIN',
      'nobody.svc.cluster.local A NXDOMAIN',
      'nobody.svc.cluster.local AAAA NXDOMAIN',
      'nobody.cluster.local A NXDOMAIN',
      'nobody.cluster.local AAAA NXDOMAIN',
      'nobody A REFUSED',
      'nobody AAAA REFUSED',
      // No word of the name: asked once more.
      'nobody A REFUSED',
      'nobody AAAA REFUSED',
    ],
  )
  assert.deepEqual(
    trace.why.map(({ code }) => code),
    ['OutsideName'],
  )
})

test('an alias within the cluster is followed; one that leads out of it is not', async () => {
  const within = await ask('http://inner/', { own })
  assert.equal(within.verdict, 'delivered')
  assert.deepEqual(within.dns[0]?.answers, [
    'inner.shop.svc.cluster.local -> web.shop.svc.cluster.local',
    '100.64.0.20',
  ])
  const out = await ask('http://shop/', { own })
  assert.equal(out.verdict, 'name-not-found')
  assert.match(out.why[0]?.say ?? '', /^shop\.example\.com is no name of this cluster/)
})

test('dnsPolicy, dnsConfig and hostAliases are the pod’s', async () => {
  const [first, ...others] = cluster.pods
  const pod = (spec: Partial<Pod['spec']>): Pick<Client, 'list'> =>
    client({ Pod: [{ ...first, spec: { ...first?.spec, ...spec } }, ...others] })
  const dots = await ask('web.shop.svc.cluster.local:80', {
    own,
    client: pod({ dnsConfig: { options: [{ name: 'ndots', value: '1' }] } }),
  })
  assert.deepEqual(
    dots.dns.map(({ type }) => type),
    ['A', 'AAAA'],
  )
  const noAaaa = await ask('http://web/', { own, client: pod({ dnsConfig: { options: [{ name: 'no-aaaa' }] } }) })
  assert.deepEqual(
    noAaaa.dns.map(({ type }) => type),
    ['A'],
  )
  const none = await ask('http://web/', { own, client: pod({ dnsPolicy: 'Default' }) })
  assert.match(none.notes?.join() ?? '', /asks the name servers of its machine/)
  const known = await ask('db:5432', { own, client: pod({ hostAliases: [{ ip: '100.96.2.2', hostnames: ['db'] }] }) })
  assert.equal(known.dns[0]?.server, '/etc/hosts')
  assert.equal(known.hops.at(-1)?.place, 'far')
})

test('a policy that selects one of the ends is named, and what one may not read is said', async () => {
  const deny = { metadata: { name: 'deny', namespace: 'shop' }, spec: { podSelector: { matchLabels: { app: 'far' } } } }
  const trace = await ask('http://web/', { client: client({ NetworkPolicy: [deny] }, ['Node']) })
  const notes = trace.notes?.join('\n') ?? ''
  assert.match(notes, /network policy shop\/deny selects pod shop\/far/)
  assert.match(notes, /does not show objects of kind Node/)
  await assert.rejects(ask('http://web/', { client: client({}, ['Pod']) }), /Pod is forbidden/)
})
