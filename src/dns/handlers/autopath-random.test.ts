import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ServiceSpec } from '../../api/objects/service.ts'
import { address } from '../../base/address.ts'
import { service, slice } from '../testing/cluster.ts'
import { type Outside, podOf, upstreamOf, walk } from '../testing/search.ts'
import { Zone } from '../zone/zone.ts'

const label = fc.constantFrom('a', 'b', 'one', 'two', 'svc', 'corp', 'example', 'cluster', 'local')
const name = fc.oneof(
  fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.')),
  fc.constantFrom('a.one', 'a.two', 'b.two.svc', 'a.corp', 'corp.two'),
)
const suffix = fc.constantFrom('', '.corp.example', '.b', '.own.example')
const namespaces = ['one', 'two']
const spec = fc.constantFrom<ServiceSpec>(
  { clusterIP: '10.0.0.1' },
  { clusterIP: '10.0.0.2', clusterIPs: ['10.0.0.2', 'fd00::2'] },
  { clusterIP: 'None' },
  { type: 'ExternalName', externalName: 'a.example' },
  { type: 'ExternalName', externalName: 'b.two.svc.cluster.local' },
)
const cluster = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('a', 'b', 'corp'),
    namespace: fc.constantFrom(...namespaces),
    spec,
    ready: fc.boolean(),
  }),
  { selector: ({ name, namespace }) => `${name}.${namespace}`, maxLength: 5 },
)
const addresses = fc.constantFrom(['192.0.2.1'], ['2001:db8::1'], ['192.0.2.2', '2001:db8::2'], [])

test('whatever there is in a cluster and outside, a search ends where it ends without autopath, and asks no more', async (t) => {
  let fewer = 0
  let outside: Outside = new Map()
  const upstream = await upstreamOf(t, () => outside)
  await fc.assert(
    fc.asyncProperty(
      cluster,
      name.chain((wanted) =>
        fc.tuple(
          fc.constant(wanted),
          fc.array(fc.tuple(fc.oneof(fc.constant(wanted), name), suffix, addresses), { maxLength: 6 }),
        ),
      ),
      fc.constantFrom('', '.b', '.corp.example'),
      async (services, [wanted, names], more) => {
        const zone = new Zone({ ...options, now: () => 1 })
        for (const namespace of namespaces) zone.namespace(namespace, true)
        for (const { name, namespace, spec, ready } of services) {
          zone.service(service(name, spec, namespace), true)
          zone.slice(slice(name, [`${ready ? '' : '!'}10.1.0.1 a`], [], namespace), true)
        }
        const own = more === '' ? [] : [more.slice(1)]
        zone.pod('one', 'pod', [address('10.240.0.1')], own)
        outside = new Map(names.map(([name, suffix, of]) => [name + suffix, of]))
        const node = ['corp.example']
        const searches = [...new Set(['one.svc.cluster.local', 'svc.cluster.local', 'cluster.local', ...node, ...own])]
        const alone = podOf(upstream, { zone })
        const helped = podOf(upstream, { zone, autopath: node })
        for (const library of ['glibc', 'musl'] as const) {
          const { questions: most, ...without } = await walk(wanted, searches, library, alone)
          const { questions, ...withIt } = await walk(wanted, searches, library, helped)
          assert.deepEqual(withIt, without, library)
          assert.ok(questions <= most)
          if (questions < most) fewer++
        }
      },
    ),
    { numRuns: 300 },
  )
  assert.ok(fewer > 50, `it helped ${fewer} times`)
})

const options = { zone: 'cluster.local', ttl: 5, pods: 'insecure', reverse: [], self: 'x.y' } as const
