import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseManifests } from './manifest.ts'

const web = `apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
      - name: web
        image: host
`

function errorsOf(text: string): string[] {
  return parseManifests(text, 'shop.yaml').errors
}

test('documents, lists and empty documents give objects with the line they begin at', () => {
  const { objects, errors } = parseManifests(
    `# nothing here\n---\n${web}---\n---\napiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: b, creationTimestamp: null}\n`,
    'shop.yaml',
  )
  assert.deepEqual(errors, [])
  assert.deepEqual(
    objects.map(({ object, line, file }) => [object.kind, object.metadata, line, file]),
    [
      ['Deployment', { name: 'web' }, 3, 'shop.yaml'],
      ['Namespace', { name: 'a' }, 20, 'shop.yaml'],
      ['ConfigMap', { name: 'b' }, 23, 'shop.yaml'],
    ],
  )
})

test('an unknown field is named with its line and what was probably meant', () => {
  assert.deepEqual(errorsOf(web.replace('spec:\n  selector', 'spec:\n  replica: 2\n  selector')), [
    'shop.yaml:6: Deployment default/web: spec.replica: unknown field; did you mean "replicas"?',
  ])
  assert.deepEqual(errorsOf(web.replace('image: host', 'imgae: host')), [
    'shop.yaml:12: Deployment default/web: spec.template.spec.containers[0].imgae: unknown field; did you mean "image"?',
    'shop.yaml:11: Deployment default/web: spec.template.spec.containers[0].image: Required value',
  ])
})

test('values of the wrong type and values that cannot be are told with their line', () => {
  assert.deepEqual(errorsOf(web.replace('spec:\n  selector', 'spec:\n  replicas: three\n  selector')), [
    'shop.yaml:6: Deployment default/web: spec.replicas: expected an integer, not "three"',
  ])
  assert.deepEqual(
    errorsOf(
      'apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  ports:\n  - port: 80\n    name: a\n  - port: 0\n    name: b\n',
    ),
    ['shop.yaml:8: Service default/web: spec.ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive'],
  )
  assert.match(
    errorsOf('apiVersion: v1\nkind: Service\nmetadata: {name: Web_1}\nspec: {ports: [{port: 1}]}')[0] ?? '',
    /^shop\.yaml:3: Service default\/Web_1: metadata\.name: Invalid value: "Web_1": a DNS-1035 label/,
  )
  assert.deepEqual(
    errorsOf(
      'apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - {name: a, image: host, volumeMounts: [{name: x, mountPath: /x}]}',
    ),
    ['shop.yaml:6: Pod default/a: spec.containers[0].volumeMounts[0].name: Not found: "x"'],
  )
})

test('every error of a file is told, not only the first', () => {
  const errors = errorsOf(
    `${web.replace('image: host', 'imgae: host')}---\nkind: Pod\n---\n- a list\n---\napiVersion: v1\nkind: Pdo\nmetadata: {name: a}`,
  )
  assert.equal(errors.length, 5)
  assert.match(errors[2] ?? '', /^shop\.yaml:14: apiVersion is missing/)
  assert.match(errors[3] ?? '', /^shop\.yaml:16: a manifest is an object/)
  assert.match(
    errors[4] ?? '',
    /^shop\.yaml:19: kind Pdo of apiVersion v1 is not served here: did you mean Pod\? Served are ConfigMap \(v1\), Deployment \(apps\/v1\)/,
  )
})

test('a kind under another version says under which one it is served', () => {
  assert.deepEqual(errorsOf(web.replace('apps/v1', 'extensions/v1beta1')), [
    'shop.yaml:2: kind Deployment of apiVersion extensions/v1beta1 is not served here: Deployment is served as apps/v1',
  ])
})

test('what is no YAML says where', () => {
  assert.match(errorsOf('a: b\n  c: [\n')[0] ?? '', /^shop\.yaml:\d: this is no YAML: /)
  assert.match(errorsOf('a: 1\na: 2\n')[0] ?? '', /^shop\.yaml:2: this is no YAML: Map keys must be unique/)
  const bomb = [
    'a: &a [x, x, x, x, x, x, x, x, x, x]',
    ...'bcdefgh'.split('').map((name, at) => `${name}: &${name} [${Array(10).fill(`*${'abcdefg'[at]}`).join(', ')}]`),
  ].join('\n')
  assert.match(errorsOf(bomb)[0] ?? '', /Excessive alias count/)
  assert.deepEqual(errorsOf('a: &a [*a]'), ['shop.yaml:1: this is no YAML: it is nested more than 100 levels deep'])
})

test('the same object twice is a mistake', () => {
  assert.deepEqual(errorsOf(`${web}---\n${web}`), [
    'shop.yaml:14: Deployment default/web: stands here a second time, first at line 1',
  ])
})

test('YAML is read as Kubernetes reads it', () => {
  const text =
    'apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations: {at: 2026-01-31, ratio: 12:30}\nspec:\n  hostNetwork: yes\n  containers: [{name: a, image: host}]\n  volumes: [{name: c, configMap: {name: c, defaultMode: 0644}}]\n'
  const { objects, errors } = parseManifests(text, 'x')
  assert.deepEqual(errors, [])
  const { spec, metadata } = (objects[0] as (typeof objects)[0]).object as unknown as {
    metadata: { annotations: object }
    spec: { hostNetwork: boolean; volumes: [{ configMap: { defaultMode: number } }] }
  }
  assert.equal(spec.hostNetwork, true)
  assert.equal(spec.volumes[0].configMap.defaultMode, 420)
  assert.deepEqual(metadata.annotations, { at: '2026-01-31', ratio: '12:30' })
})

test('a file of JSON is a manifest too', () => {
  assert.equal(
    parseManifests('{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}}', 'a.json').objects.length,
    1,
  )
})
