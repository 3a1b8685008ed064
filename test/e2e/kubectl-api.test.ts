// Real kubectl against the API server alone: what is asked of the server, without nodes and control loops.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type TestApi, testApi } from '../../src/api/testing.ts'
import { findKubectl, Kubectl, rows } from './kubectl.ts'

const found = findKubectl()
const skip = 'skip' in found ? found.skip : false
let cluster: TestApi
let kubectl: Kubectl
before(async () => {
  if ('skip' in found) return
  cluster = await testApi()
  kubectl = new Kubectl(found.path, cluster.kubeconfig)
})
after(async () => {
  kubectl?.[Symbol.dispose]()
  await cluster?.[Symbol.asyncDispose]()
})

const shop = `apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: host
        command: [node, server.js]
        env:
        - {name: A, value: "1"}
        ports:
        - {containerPort: 8080}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports:
  - {name: http, port: 80, targetPort: 8080}
  - {name: dns, port: 53, protocol: UDP}
  - {name: dns-tcp, port: 53, protocol: TCP}
`

async function apply(manifest: string, ...flags: string[]): Promise<string> {
  const { code, out, err } = await kubectl.try(['apply', '-f', '-', ...flags], manifest)
  assert.equal(code, 0, err)
  return out
}

test('apply creates, finds nothing to do, and changes only what changed', { skip }, async () => {
  assert.equal(await apply(shop), 'namespace/shop created\ndeployment.apps/web created\nservice/web created\n')
  assert.equal(await apply(shop), 'namespace/shop unchanged\ndeployment.apps/web unchanged\nservice/web unchanged\n')
  const before = JSON.parse(await kubectl.run('get', 'service', 'web', '-n', 'shop', '-o', 'json'))
  await apply(shop.replace('targetPort: 8080', 'targetPort: 9090').replace('value: "1"', 'value: "2"'))
  const after = JSON.parse(await kubectl.run('get', 'service', 'web', '-n', 'shop', '-o', 'json'))
  assert.equal(after.spec.clusterIP, before.spec.clusterIP)
  assert.deepEqual(
    after.spec.ports.map((one: { port: number; targetPort: number; protocol: string }) => [
      one.port,
      one.targetPort,
      one.protocol,
    ]),
    [
      [80, 9090, 'TCP'],
      [53, 53, 'UDP'],
      [53, 53, 'TCP'],
    ],
  )
  const deployment = JSON.parse(await kubectl.run('get', 'deployment', 'web', '-n', 'shop', '-o', 'json'))
  const [container] = deployment.spec.template.spec.containers
  assert.deepEqual(container.env, [{ name: 'A', value: '2' }])
  assert.equal(container.imagePullPolicy, 'Always')
  assert.equal(deployment.metadata.generation, 2)
})

test('apply refuses unknown fields before anything of the object changes', { skip }, async () => {
  const { code, err } = await kubectl.try(['apply', '-f', '-'], shop.replace('replicas: 2', 'replica: 3'))
  assert.equal(code, 1)
  assert.match(
    err,
    /Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec\.replica"/,
  )
})

test('get prints the tables that people know', { skip }, async () => {
  const [head, web] = rows(await kubectl.run('get', 'services', '-n', 'shop', '-o', 'wide'))
  assert.deepEqual(head, ['NAME', 'TYPE', 'CLUSTER-IP', 'EXTERNAL-IP', 'PORT(S)', 'AGE', 'SELECTOR'])
  assert.deepEqual(
    [web?.[0], web?.[1], web?.[3], web?.[4], web?.[6]],
    ['web', 'ClusterIP', '<none>', '80/TCP,53/UDP,53/TCP', 'app=web'],
  )
  assert.deepEqual(rows(await kubectl.run('get', 'deployments', '-n', 'shop'))[0], [
    'NAME',
    'READY',
    'UP-TO-DATE',
    'AVAILABLE',
    'AGE',
  ])
  assert.equal(await kubectl.run('get', 'pods', '-n', 'shop', '-o', 'name'), '')
  const all = await kubectl.run('get', 'nodes,pods,services,endpointslices', '-A')
  assert.match(all, /service\/web/)
  assert.match(await kubectl.run('get', 'namespaces', '-o', 'yaml'), /kind: List/)
})

test('run, label, annotate, describe, wait and delete work on a pod', { skip }, async () => {
  await kubectl.run('run', 'client', '--image=host', '-n', 'shop', '--', 'sleep', 'inf')
  await kubectl.run('label', 'pod', 'client', 'a=b', '-n', 'shop')
  await kubectl.run('annotate', 'pod', 'client', 'c=d', '-n', 'shop')
  const described = await kubectl.run('describe', 'pod', 'client', '-n', 'shop')
  assert.match(described, /^Labels: +a=b\n +run=client$/m)
  assert.match(described, /^Status: +Pending$/m)
  const ready = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } }
  const waiting = kubectl.run('wait', '--for=condition=Ready', 'pod/client', '-n', 'shop', '--timeout=10s')
  await kubectl.run(
    'patch',
    'pod',
    'client',
    '-n',
    'shop',
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify(ready),
  )
  assert.match(await waiting, /condition met/)
  assert.match(await kubectl.run('delete', 'pod', 'client', '-n', 'shop', '--timeout=10s'), /"client" deleted/)
})

test('watches of lists and objects end by themselves when they should', { skip }, async () => {
  await kubectl.run('create', 'configmap', 'x', '--dry-run=client', '-o', 'yaml').then((text) => apply(text))
  const gone = kubectl.run('wait', '--for=delete', 'configmap/x', '--timeout=10s')
  await kubectl.run('delete', 'configmap', 'x')
  await gone
  const { out } = await kubectl.try(['get', 'namespaces', '-w', '--request-timeout=1s'])
  assert.match(out, /shop +Active/)
})

test('scale, set image, rollout restart and rollout status speak with the deployment', { skip }, async () => {
  await kubectl.run('scale', 'deployment', 'web', '--replicas=5', '-n', 'shop')
  await kubectl.run('set', 'image', 'deployment/web', 'web=other:1', '-n', 'shop')
  await kubectl.run('rollout', 'restart', 'deployment/web', '-n', 'shop')
  const { spec, metadata } = JSON.parse(await kubectl.run('get', 'deployment', 'web', '-n', 'shop', '-o', 'json'))
  assert.deepEqual([spec.replicas, spec.template.spec.containers[0].image, metadata.generation], [5, 'other:1', 5])
  const done = {
    status: { observedGeneration: 5, replicas: 5, updatedReplicas: 5, readyReplicas: 5, availableReplicas: 5 },
  }
  const rollout = kubectl.run('rollout', 'status', 'deployment/web', '-n', 'shop', '--timeout=10s')
  await kubectl.run(
    'patch',
    'deployment',
    'web',
    '-n',
    'shop',
    '--subresource=status',
    '--type=merge',
    '-p',
    JSON.stringify(done),
  )
  assert.match(await rollout, /successfully rolled out/)
})

test('explain knows every field, and says what those of the network are for', { skip }, async () => {
  assert.match(await kubectl.run('explain', 'service.spec.clusterIP'), /FIELD: clusterIP <string>[^]*headless/)
  const text = await kubectl.run('explain', 'deployment.spec.strategy')
  assert.match(text, /GROUP: +apps\nKIND: +Deployment/)
  assert.match(text, /rollingUpdate\s+<RollingUpdateDeployment>/)
  assert.match(await kubectl.run('explain', 'pod.spec', '--recursive'), /containers\s+<\[\]Container> -required-/)
})

test('errors are worded as kube-apiserver words them', { skip }, async () => {
  const create = async (object: object): Promise<string> =>
    (await kubectl.try(['create', '-f', '-'], JSON.stringify(object))).err.trim()
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' } }
  assert.equal(
    await create({ ...service, spec: { ports: [{ port: 0 }] } }),
    'The Service "x" is invalid: spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
  )
  assert.match(
    await create({ ...service, spec: { clusterIP: '10.0.0.1', ports: [{ port: 1 }] } }),
    /The range of valid IPs is 100\.64\.0\.0\/13$/,
  )
  assert.equal(
    (await kubectl.try(['get', 'pod', 'absent'])).err.trim(),
    'Error from server (NotFound): pods "absent" not found',
  )
  assert.match(
    await create({ ...service, metadata: { name: 'x', namespace: 'absent' }, spec: { ports: [{ port: 1 }] } }),
    /namespaces "absent" not found/,
  )
})

test('who creates a kind that is not served is told which are', { skip }, async () => {
  const kinds = /are not served here; served are ConfigMap \(v1\), Deployment \(apps\/v1\)/
  for (const args of [
    ['job', 'x', '--image=host'],
    ['cronjob', 'x', '--image=host', '--schedule=* * * * *'],
    ['ingress', 'x', '--rule=a.example/=web:80'],
  ]) {
    const { code, err } = await kubectl.try(['create', ...args])
    assert.equal(code, 1, err)
    assert.match(err, kinds)
  }
})

test('the commands that send protobuf: create and auth can-i', { skip }, async () => {
  assert.equal(await kubectl.run('create', 'namespace', 'made'), 'namespace/made created\n')
  const n = ['-n', 'made']
  const words = ['--image=host', '--replicas=0', '--port=8080', '--', 'sleep', 'infinity']
  await kubectl.run('create', 'deployment', 'web', ...n, ...words)
  const spec = '{.spec.replicas} {.spec.template.spec.containers[0].command}'
  assert.equal(await kubectl.run('get', 'deployment', 'web', ...n, '-o', `jsonpath=${spec}`), '0 ["sleep","infinity"]')
  await kubectl.run('create', 'service', 'clusterip', 'web', ...n, '--tcp=80:http')
  const ports = '{.spec.ports[0].port} {.spec.ports[0].targetPort}'
  assert.equal(await kubectl.run('get', 'service', 'web', ...n, '-o', `jsonpath=${ports}`), '80 http')
  await kubectl.run('create', 'secret', 'generic', 's', ...n, '--from-literal=a=b')
  assert.equal(await kubectl.run('get', 'secret', 's', ...n, '-o', 'jsonpath={.data.a}'), 'Yg==')
  assert.equal(await kubectl.run('auth', 'can-i', 'create', 'pods'), 'yes\n')
  await kubectl.run('delete', 'deployment,service,secret', '--all', ...n)
  assert.match((await kubectl.try(['create', 'namespace', 'made'])).err, /namespaces "made" already exists/)
})

const edge = `apiVersion: v1
kind: Service
metadata: {name: edge}
spec:
  type: LoadBalancer
  selector: {app: web}
  externalTrafficPolicy: Local
  sessionAffinity: ClientIP
  trafficDistribution: PreferSameZone
  loadBalancerSourceRanges: [192.0.2.0/24]
  ports: [{port: 80}]
`

test('a load balancer is told how it gets an address, gets it, and is described in all its fields', {
  skip,
}, async () => {
  const { code, err } = await kubectl.try(['apply', '-f', '-'], edge)
  assert.equal(code, 0, err)
  assert.equal(rows(await kubectl.run('get', 'service', 'edge'))[1]?.[3], '<pending>')
  const [, words = '', patch = ''] = /^Warning: .* kubectl (patch service edge .*) -p '(.*)'$/m.exec(err) ?? []
  await kubectl.run(...words.split(' '), '-p', patch)
  const [, type, , address, port] = rows(await kubectl.run('get', 'service', 'edge'))[1] ?? []
  assert.deepEqual([type, address], ['LoadBalancer', '203.0.113.10'])
  assert.match(port ?? '', /^80:3\d{4}\/TCP$/)
  assert.equal((await kubectl.try(['apply', '-f', '-'], edge)).err, '')
  const described = await kubectl.run('describe', 'service', 'edge')
  for (const line of [
    /^LoadBalancer Ingress: +203\.0\.113\.10 \(VIP\)$/m,
    /^NodePort: +<unset> +3\d{4}\/TCP$/m,
    /^Session Affinity: +ClientIP$/m,
    /^External Traffic Policy: +Local$/m,
    /^Internal Traffic Policy: +Cluster$/m,
    /^Traffic Distribution: +PreferSameZone$/m,
    /^HealthCheck NodePort: +3\d{4}$/m,
    /^LoadBalancer Source Ranges: +192\.0\.2\.0\/24$/m,
  ])
    assert.match(described, line)
  assert.match(
    (await kubectl.try(['apply', '-f', '-'], edge.replace('LoadBalancer', 'ClusterIP'))).err,
    /spec\.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'/,
  )
  await kubectl.run('create', 'service', 'nodeport', 'open', '--tcp=80', '--node-port=30080')
  await kubectl.run('create', 'service', 'loadbalancer', 'more', '--tcp=443')
  assert.match(await kubectl.run('get', 'services'), /open +NodePort .* 80:30080\/TCP/)
  await kubectl.run('delete', 'service', 'edge', 'open', 'more')
})

test('server-side apply creates and merges', { skip }, async () => {
  const map = (data: Record<string, string>): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'ssa' }, data })
  assert.match(await apply(map({ a: '1' }), '--server-side'), /serverside-applied/)
  await apply(map({ b: '2' }), '--server-side', '--field-manager=other')
  assert.deepEqual(JSON.parse(await kubectl.run('get', 'configmap', 'ssa', '-o', 'json')).data, { a: '1', b: '2' })
})

test('a namespace goes when it is emptied and finalized', { skip }, async () => {
  await kubectl.run('delete', 'namespace', 'shop', '--wait=false')
  assert.match(await kubectl.run('get', 'namespace', 'shop'), /Terminating/)
  const { err } = await kubectl.try(
    ['create', '-f', '-'],
    '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"late","namespace":"shop"}}',
  )
  assert.match(err, /unable to create new content in namespace shop because it is being terminated/)
  const finalized = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' }, spec: { finalizers: [] } }
  const { code } = await kubectl.try(
    ['replace', '--raw', '/api/v1/namespaces/shop/finalize', '-f', '-'],
    JSON.stringify(finalized),
  )
  assert.equal(code, 0)
  assert.match((await kubectl.try(['get', 'namespace', 'shop'])).err, /NotFound/)
})
