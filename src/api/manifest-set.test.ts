import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cidr } from '../base/address.ts'
import { parseManifests } from './manifest.ts'
import { checkTogether, type Destination } from './manifest-set.ts'

function check(files: Record<string, string>, to: Destination = {}): string[] {
  const manifests = Object.entries(files).flatMap(([file, text]) => {
    const { objects, errors } = parseManifests(text, file)
    assert.deepEqual(errors, [])
    return objects
  })
  return checkTogether(manifests, to)
}

const service = (name: string, spec: string): string =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  ${spec}\n`

test('the same object in two files is a mistake', () => {
  const text = service('a', 'ports: [{port: 80}]')
  assert.deepEqual(check({ 'a.yaml': text, 'b.yaml': text }), [
    'b.yaml:1: Service default/a: stands here a second time, first in a.yaml:1',
  ])
})

test('a namespace that nobody makes is found before anything is applied', () => {
  const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: m\n  namespace: shop\n'
  const namespaces = ['default', 'kube-system']
  assert.deepEqual(check({ 'a.yaml': text }, { namespaces }), [
    'a.yaml:5: ConfigMap default/m: metadata.namespace: there is no namespace shop, and no manifest makes it'.replace(
      'default/m',
      'shop/m',
    ),
  ])
  assert.deepEqual(
    check({ 'a.yaml': `${text}---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n` }, { namespaces }),
    [],
  )
  assert.deepEqual(check({ 'a.yaml': text }), [])
})

test('addresses and node ports are in their ranges, and asked for once', () => {
  const to: Destination = { serviceCidr: cidr('100.64.0.0/13'), taken: new Map([['100.64.0.10', 'cluster DNS']]) }
  const local = 'type: LoadBalancer\n  externalTrafficPolicy: Local\n  ports: [{port: 80}]\n  healthCheckNodePort: '
  const rows: [string, string[]][] = [
    [
      `${service('a', 'type: NodePort\n  ports: [{port: 80, nodePort: 31000}]')}---\n${service('b', `${local}31000`)}`,
      ['x:17: Service default/b: spec.healthCheckNodePort: Invalid value: 31000: is taken by Service default/a'],
    ],
    [service('a', 'clusterIP: 100.64.0.20\n  ports: [{port: 80}]'), []],
    [
      service('a', 'clusterIP: 10.0.0.1\n  ports: [{port: 80}]'),
      [
        'x:6: Service default/a: spec.clusterIP: Invalid value: "10.0.0.1": failed to allocate IP 10.0.0.1: the provided IP is not in the valid range. The range of valid IPs is 100.64.0.0/13',
      ],
    ],
    [
      service('a', 'clusterIP: 100.64.0.10\n  ports: [{port: 80}]'),
      ['x:6: Service default/a: spec.clusterIP: Invalid value: "100.64.0.10": is taken by cluster DNS'],
    ],
    [
      `${service('a', 'clusterIP: 100.64.0.20\n  ports: [{port: 80}]')}---\n${service('b', 'clusterIP: 100.64.0.20\n  ports: [{port: 80}]')}`,
      ['x:14: Service default/b: spec.clusterIP: Invalid value: "100.64.0.20": is taken by Service default/a'],
    ],
    [
      `${service('a', 'type: NodePort\n  ports: [{port: 80, nodePort: 30000}]')}---\n${service('b', 'type: NodePort\n  ports:\n  - port: 80\n    nodePort: 30000')}`,
      ['x:17: Service default/b: spec.ports[0].nodePort: Invalid value: 30000: is taken by Service default/a'],
    ],
    [
      service('a', 'type: NodePort\n  ports: [{port: 80, nodePort: 80}]'),
      [
        'x:7: Service default/a: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-32767',
      ],
    ],
  ]
  for (const [text, expected] of rows) assert.deepEqual(check({ x: text }, to), expected)
})
