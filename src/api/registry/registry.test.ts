import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyObject, clone } from '../json.ts'
import { resources } from '../resources.ts'
import { cluster, deployment, make } from './testing.ts'

test('generation counts changes of the wish only', () => {
  const registry = cluster()
  const made = make(registry, 'Deployment', deployment)
  assert.equal(made.metadata.generation, 1)
  const patch = (change: (object: AnyObject) => void, sub?: 'status'): number | undefined =>
    registry.patch(resources.Deployment, 'a', 'default', (object) => (change(object), object), sub).metadata.generation
  assert.equal(
    patch((object) => void (object.metadata.labels = { a: 'b' })),
    1,
  )
  assert.equal(
    patch((object) => void (object['status'] = { replicas: 1 }), 'status'),
    1,
  )
  assert.equal(
    patch((object) => void ((object['spec'] as { replicas: number }).replicas = 3)),
    2,
  )
})

test("a workload's selector says something, fits its template and never changes", () => {
  const registry = cluster()
  const withSelector = (selector: object): object => ({ ...deployment, spec: { ...deployment.spec, selector } })
  assert.throws(() => make(registry, 'Deployment', withSelector({})), {
    message: /spec\.selector: Invalid value: \{\}: empty selector/,
  })
  assert.throws(() => make(registry, 'Deployment', withSelector({ matchLabels: { app: 'b' } })), {
    message:
      /Deployment\.apps "a" is invalid: spec\.template\.metadata\.labels: Invalid value: \{"app":"a"\}: `selector` does not match template `labels`/,
  })
  const made = make(registry, 'Deployment', deployment)
  const changed = clone(made) as AnyObject & { spec: { selector: object; template: { metadata: object } } }
  changed.spec.selector = { matchLabels: { app: 'b' } }
  changed.spec.template.metadata = { labels: { app: 'b' } }
  assert.throws(() => registry.update(resources.Deployment, changed), {
    message: /spec\.selector: Invalid value: .*: field is immutable/,
  })
})

test('a generated name is unused, and an update without a change is none', () => {
  const registry = cluster()
  const names = new Set<string>()
  for (let i = 0; i < 20; i++)
    names.add(make(registry, 'ConfigMap', { metadata: { generateName: 'x-', namespace: 'default' } }).metadata.name)
  assert.equal(names.size, 20)
  for (const name of names) assert.match(name, /^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
  const made = make(registry, 'ConfigMap', { metadata: { name: 'same', namespace: 'default' }, data: { a: '1' } })
  assert.equal(registry.update(resources.ConfigMap, clone(made)), made)
})

test('a dry run checks everything and changes nothing', () => {
  const registry = cluster()
  const { revision } = registry.store
  const made = registry.create(
    resources.Service,
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'a' },
      spec: { ports: [{ port: 1 }] },
    },
    'default',
    { dryRun: true },
  )
  assert.equal(made.metadata.name, 'a')
  assert.equal(registry.store.revision, revision)
  assert.equal(registry.find(resources.Service, 'a', 'default'), undefined)
})

test('names, labels and keys follow the rules of Kubernetes', () => {
  const registry = cluster()
  const map = (metadata: object, data?: object): object => ({
    metadata: { namespace: 'default', ...metadata },
    ...(data && { data }),
  })
  const rows: [object, RegExp][] = [
    [map({ name: 'A' }), /metadata\.name: Invalid value: "A": a lowercase RFC 1123 subdomain/],
    [map({ name: 'a'.repeat(254) }), /must be no more than 253 characters/],
    [map({}), /metadata\.name: Required value: name or generateName is required/],
    [map({ name: 'a', labels: { 'a b': 'c' } }), /metadata\.labels: Invalid value: "a b"/],
    [map({ name: 'a', labels: { a: 'x'.repeat(64) } }), /metadata\.labels: Invalid value: "x+"/],
    [map({ name: 'a', annotations: { a: 'x'.repeat(300_000) } }), /metadata\.annotations: Too long/],
    [map({ name: 'a' }, { '../x': '' }), /data\[\.\.\/x\]: Invalid value/],
    [map({ name: 'a' }, { x: 'x'.repeat(2 ** 20 + 1) }), /Too long/],
  ]
  for (const [object, message] of rows) assert.throws(() => make(registry, 'ConfigMap', object), { code: 422, message })
  assert.throws(() => make(registry, 'Node', { metadata: { name: 'n', namespace: 'x' } }), { code: 400 })
  assert.throws(() => make(registry, 'Node', { metadata: { name: 'n' }, spec: { podCIDR: '10.0.0.1/24' } }), {
    message: /spec\.podCIDRs\[0\]: Invalid value/,
  })
  assert.throws(
    () =>
      make(registry, 'EndpointSlice', {
        metadata: { name: 'e', namespace: 'default' },
        addressType: 'IPv4',
        endpoints: [{ addresses: ['fd00::1'] }],
      }),
    { message: /endpoints\[0\]\.addresses\[0\]: Invalid value: "fd00::1": must be an IPv4 address/ },
  )
})
