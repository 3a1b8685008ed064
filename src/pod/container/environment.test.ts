import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, EnvVar, Pod } from '../../api/objects/pod.ts'
import type { Service, ServiceSpec } from '../../api/objects/service.ts'
import type { ConfigMap, Secret } from '../../api/objects/simple.ts'
import { type Environment, environmentOf } from './environment.ts'
import { expand } from './expand.ts'
import { serviceLinks } from './servicelinks.ts'

const services = [
  service('kubernetes', 'default', { clusterIP: '100.64.0.1', ports: [{ name: 'https', port: 443 }] }),
  service('my-web', 'shop', {
    clusterIP: '100.64.1.2',
    ports: [
      { name: 'http', port: 80 },
      { name: 'dns-udp', port: 53, protocol: 'UDP' },
    ],
  }),
  service('headless', 'shop', { clusterIP: 'None', ports: [{ port: 80 }] }),
  service('away', 'shop', { type: 'ExternalName', externalName: 'x.test' }),
  service('elsewhere', 'other', { clusterIP: '100.64.1.3', ports: [{ port: 80 }] }),
]

test('references to variables are replaced as Kubernetes does it', () => {
  const values: Record<string, string> = { A: 'a', B: '$(A)', EMPTY: '' }
  const rows: [string, string][] = [
    ['$(A)', 'a'],
    ['x$(A)y$(A)', 'xaya'],
    ['$(B)', '$(A)'],
    ['$(EMPTY)', ''],
    ['$(NOPE)', '$(NOPE)'],
    ['$$(A)', '$(A)'],
    ['$$$(A)', '$a'],
    ['$$$$', '$$'],
    ['$', '$'],
    ['a$', 'a$'],
    ['$A', '$A'],
    ['$(A', '$(A'],
    ['$()', '$()'],
    ['$($(A))', '$($(A))'],
    ['', ''],
  ]
  for (const [text, expected] of rows)
    assert.equal(
      expand(text, (name) => values[name]),
      expected,
      text,
    )
})

test('services of the namespace become variables, the API server always does', () => {
  const always = serviceLinks(services, 'shop', false)
  assert.deepEqual(Object.fromEntries(always), {
    KUBERNETES_SERVICE_HOST: '100.64.0.1',
    KUBERNETES_SERVICE_PORT: '443',
    KUBERNETES_SERVICE_PORT_HTTPS: '443',
    KUBERNETES_PORT: 'tcp://100.64.0.1:443',
    KUBERNETES_PORT_443_TCP: 'tcp://100.64.0.1:443',
    KUBERNETES_PORT_443_TCP_PROTO: 'tcp',
    KUBERNETES_PORT_443_TCP_PORT: '443',
    KUBERNETES_PORT_443_TCP_ADDR: '100.64.0.1',
  })
  const linked = [...serviceLinks(services, 'shop', true)]
  assert.deepEqual(
    linked.filter(([name]) => always.has(name)),
    [...always],
  )
  assert.deepEqual(Object.fromEntries(linked.filter(([name]) => !always.has(name))), {
    MY_WEB_SERVICE_HOST: '100.64.1.2',
    MY_WEB_SERVICE_PORT: '80',
    MY_WEB_SERVICE_PORT_HTTP: '80',
    MY_WEB_SERVICE_PORT_DNS_UDP: '53',
    MY_WEB_PORT: 'tcp://100.64.1.2:80',
    MY_WEB_PORT_80_TCP: 'tcp://100.64.1.2:80',
    MY_WEB_PORT_80_TCP_PROTO: 'tcp',
    MY_WEB_PORT_80_TCP_PORT: '80',
    MY_WEB_PORT_80_TCP_ADDR: '100.64.1.2',
    MY_WEB_PORT_53_UDP: 'udp://100.64.1.2:53',
    MY_WEB_PORT_53_UDP_PROTO: 'udp',
    MY_WEB_PORT_53_UDP_PORT: '53',
    MY_WEB_PORT_53_UDP_ADDR: '100.64.1.2',
  })
})

test('a later source of a variable wins: service links, then envFrom, then env', () => {
  const { env } = environment({
    envFrom: [{ configMapRef: { name: 'settings' } }, { prefix: 'P_', configMapRef: { name: 'settings' } }],
    env: [
      { name: 'MY_WEB_SERVICE_PORT', value: 'mine' },
      { name: 'LEVEL', value: '$(LEVEL)-and-$(P_LEVEL)' },
      { name: 'URL', value: 'http://$(MY_WEB_SERVICE_HOST):$(MY_WEB_SERVICE_PORT)' },
      { name: 'LATER', value: '$(AFTER)' },
      { name: 'AFTER', value: 'x' },
      { name: 'EMPTY' },
    ],
  })
  assert.equal(env.get('MY_WEB_SERVICE_PORT'), 'mine')
  assert.equal(env.get('LEVEL'), 'debug-and-debug')
  assert.equal(env.get('URL'), 'http://100.64.1.2:mine')
  assert.equal(env.get('LATER'), '$(AFTER)')
  assert.equal(env.get('EMPTY'), '')
  assert.equal(env.get('KUBERNETES_SERVICE_HOST'), '100.64.0.1')
})

test("a pod's own fields are values", () => {
  const rows: [string, string][] = [
    ['metadata.name', 'web-1'],
    ['metadata.namespace', 'shop'],
    ['metadata.uid', 'uid-1'],
    ["metadata.labels['app']", 'web'],
    ["metadata.labels['nope']", ''],
    ["metadata.labels['constructor']", ''],
    ["metadata.annotations['example.com/note']", 'hello'],
    ['spec.nodeName', 'node1'],
    ['spec.serviceAccountName', 'default'],
    ['status.hostIP', '192.168.50.11'],
    ['status.podIP', '100.96.1.2'],
    ['status.podIPs', '100.96.1.2,fd00::2'],
  ]
  for (const [fieldPath, expected] of rows)
    assert.equal(environment({ env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath } } }] }).env.get('X'), expected)
})

test('what a variable needs and does not find is named, unless it is optional', () => {
  const from = (name: string, key: string, optional?: boolean): EnvVar[] => [
    { name: 'X', valueFrom: { configMapKeyRef: { name, key, ...(optional !== undefined && { optional }) } } },
  ]
  assert.equal(environment({ env: from('settings', 'LEVEL') }).env.get('X'), 'debug')
  assert.ok(!environment({ env: from('settings', 'nope', true) }).env.has('X'))
  assert.ok(!environment({ env: from('nope', 'LEVEL', true) }).env.has('X'))
  environment({ envFrom: [{ configMapRef: { name: 'nope', optional: true } }] })
  const rows: [Partial<Container>, RegExp][] = [
    [{ env: from('settings', 'nope') }, /env X: no key "nope" in ConfigMap shop\/settings/],
    [{ env: from('settings', 'constructor') }, /no key "constructor"/],
    [{ env: from('nope', 'LEVEL') }, /env X: ConfigMap "nope" not found in namespace shop/],
    [{ envFrom: [{ configMapRef: { name: 'nope' } }] }, /envFrom: ConfigMap "nope" not found/],
    [
      { env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath: 'spec.nope' } } }] },
      /unsupported fieldPath "spec.nope"/,
    ],
  ]
  for (const [container, message] of rows)
    assert.throws(
      () => environment(container),
      (error: Error & { code?: string }) => {
        assert.match(error.message, message)
        return error.code === 'CreateContainerConfigError'
      },
    )
})

test('a Secret is a source like a ConfigMap', () => {
  const made = environment({
    env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'pass', key: 'WORD' } } }],
    envFrom: [{ prefix: 'P_', secretRef: { name: 'pass' } }, { secretRef: { name: 'nope', optional: true } }],
  })
  assert.equal(made.env.get('X'), 'sesame')
  assert.equal(made.env.get('P_WORD'), 'sesame')
  assert.match(made.warnings[0] ?? '', /Keys \[P_a=b\] from the EnvFrom secret shop\/pass/)
  assert.throws(() => environment({ envFrom: [{ secretRef: { name: 'nope' } }] }), /envFrom: Secret "nope" not found/)
  assert.throws(
    () => environment({ env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'pass', key: 'no' } } }] }),
    /env X: no key "no" in Secret shop\/pass/,
  )
})

test('keys that cannot be names are left out with a warning', () => {
  const { env, warnings } = environment({ envFrom: [{ configMapRef: { name: 'odd' } }] })
  assert.equal(env.get('fine.key'), '1')
  assert.deepEqual(warnings, [
    'Keys [a=b, ü] from the EnvFrom configMap shop/odd were skipped since they are considered invalid environment variable names.',
  ])
})

test('a source that nothing reads here is refused, not an empty value', () => {
  const valueFrom = { fileKeyRef: { volumeName: 'v', path: 'env', key: 'X', optional: true } }
  const variable: object = { name: 'X', valueFrom }
  assert.throws(() => environment({ env: [variable as EnvVar] }), {
    code: 'CreateContainerConfigError',
    message: /env X: valueFrom\.fileKeyRef is not supported; there are fieldRef, /,
  })
})

test('command and args see the finished environment', () => {
  const made = environment({
    env: [{ name: 'PORT', value: '80' }],
    command: ['server', '--port=$(PORT)', '$$(PORT)'],
    args: ['$(MY_WEB_SERVICE_HOST)', '$(NOPE)'],
  })
  assert.deepEqual(made.command, ['server', '--port=80', '$(PORT)'])
  assert.deepEqual(made.args, ['100.64.1.2', '$(NOPE)'])
  assert.ok(!('command' in environment({})))
})

function environment(container: Partial<Container>): Environment {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'uid-1',
      labels: { app: 'web' },
      annotations: { 'example.com/note': 'hello' },
    },
    spec: { containers: [], nodeName: 'node1' },
  }
  return environmentOf({
    pod,
    container: { name: 'app', ...container },
    podIPs: ['100.96.1.2', 'fd00::2'],
    hostIPs: ['192.168.50.11'],
    services,
    configMap: (name) => configMaps[name],
    secret: (name) => (name === 'pass' ? pass : undefined),
  })
}

const pass: Secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'pass' },
  data: { WORD: 'c2VzYW1l', 'a=b': '' },
}

const configMaps: Record<string, ConfigMap> = {
  settings: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { LEVEL: 'debug' } },
  odd: {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'odd' },
    data: { 'fine.key': '1', 'a=b': '2', ü: '3' },
  },
}

function service(name: string, namespace: string, spec: ServiceSpec): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec }
}
