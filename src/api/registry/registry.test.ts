import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type AnyObject, clone } from '../json.ts'
import type { KindName } from '../objects/index.ts'
import type { Pod, PodSpec } from '../objects/pod.ts'
import type { Namespace } from '../objects/simple.ts'
import { resources } from '../resources.ts'
import { Store } from '../store/store.ts'
import { bootstrap } from './bootstrap.ts'
import { Registry } from './registry.ts'

function cluster(now?: () => Date): Registry {
  const registry = new Registry({ store: new Store(), serviceCidr: '100.64.0.0/13', ...(now && { now }) })
  bootstrap(registry)
  return registry
}

function make(registry: Registry, kind: KindName, object: object): AnyObject {
  return registry.create(resources[kind], clone(object) as AnyObject)
}

const container = { name: 'c', image: 'host' }
const pod = { metadata: { name: 'a', namespace: 'default' }, spec: { containers: [container] } }
const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [container] } }
const deployment = {
  metadata: { name: 'a', namespace: 'default' },
  spec: { selector: { matchLabels: { app: 'a' } }, template },
}

test('a pod is filled with the defaults that clients expect', () => {
  const { spec, status } = make(cluster(), 'Pod', {
    ...pod,
    spec: {
      containers: [
        {
          name: 'c',
          image: 'web:1',
          ports: [{ containerPort: 80 }],
          readinessProbe: { httpGet: { port: 80 } },
          resources: { limits: { cpu: '1' } },
        },
      ],
      volumes: [{ name: 'v' }, { name: 'm', configMap: { name: 'm' } }],
    },
  }) as unknown as Pod
  assert.deepEqual(spec.containers[0], {
    name: 'c',
    image: 'web:1',
    imagePullPolicy: 'IfNotPresent',
    ports: [{ containerPort: 80, protocol: 'TCP' }],
    readinessProbe: {
      httpGet: { port: 80, path: '/', scheme: 'HTTP' },
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    },
    resources: { limits: { cpu: '1' }, requests: { cpu: '1' } },
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  })
  assert.deepEqual(spec.volumes, [
    { name: 'v', emptyDir: {} },
    { name: 'm', configMap: { name: 'm', defaultMode: 420 } },
  ])
  const {
    restartPolicy,
    dnsPolicy,
    terminationGracePeriodSeconds,
    serviceAccountName,
    securityContext,
    schedulerName,
    enableServiceLinks,
  } = spec
  assert.deepEqual(
    {
      restartPolicy,
      dnsPolicy,
      terminationGracePeriodSeconds,
      serviceAccountName,
      securityContext,
      schedulerName,
      enableServiceLinks,
    },
    {
      restartPolicy: 'Always',
      dnsPolicy: 'ClusterFirst',
      terminationGracePeriodSeconds: 30,
      serviceAccountName: 'default',
      securityContext: {},
      schedulerName: 'default-scheduler',
      enableServiceLinks: true,
    },
  )
  assert.deepEqual(status, { phase: 'Pending', qosClass: 'Burstable' })
})

test('requests up to the limits are taken, however the same amount is written', () => {
  const limits = { cpu: '1', memory: '1Gi', 'a.b/gpu': '1' }
  for (const requests of [{ cpu: '1000m', memory: '1024Mi', 'a.b/gpu': '1.0' }, { cpu: '0' }, { cpu: '1e0' }, {}]) {
    const one = make(cluster(), 'Pod', {
      ...pod,
      spec: { containers: [{ ...container, resources: { limits, requests } }] },
    })
    assert.deepEqual((one as unknown as Pod).spec.containers[0]?.resources, {
      limits,
      requests: { ...limits, ...requests },
    })
  }
})

test('what no pod can be is refused, field by field', () => {
  const registry = cluster()
  const rows: [Partial<PodSpec> & object, RegExp][] = [
    [{ containers: [] }, /spec\.containers: Required value/],
    [
      { containers: [{ name: 'A_', image: 'x' }] },
      /spec\.containers\[0\]\.name: Invalid value: "A_": a lowercase RFC 1123 label/,
    ],
    [{ containers: [{ name: 'a' }] }, /spec\.containers\[0\]\.image: Required value/],
    [{ containers: [container, container] }, /spec\.containers\[1\]\.name: Duplicate value: "c"/],
    [
      { containers: Array.from({ length: 10_000 }, (_, at) => ({ ...container, name: `c${at}` })) },
      /^Pod "a" is invalid: spec\.containers: Too many: 10000: must have at most 250 items$/,
    ],
    [
      { containers: [{ ...container, ports: [{ containerPort: 99999 }] }] },
      /ports\[0\]\.containerPort: Invalid value: 99999/,
    ],
    [
      { containers: [{ ...container, volumeMounts: [{ name: 'x', mountPath: '/x' }] }] },
      /volumeMounts\[0\]\.name: Not found: "x"/,
    ],
    [
      {
        containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/x', subPath: '../y' }] }],
        volumes: [{ name: 'v' }],
      },
      /subPath: Invalid value: "\.\.\/y": must not contain '\.\.'/,
    ],
    [
      { containers: [{ ...container, resources: { limits: { cpu: '1' }, requests: { cpu: '1001m' } } }] },
      /^Pod "a" is invalid: spec\.containers\[0\]\.resources\.requests: Invalid value: "1001m": must be less than or equal to cpu limit of 1$/,
    ],
    [
      {
        containers: [container],
        initContainers: [
          { ...container, name: 'i', resources: { limits: { memory: '1M' }, requests: { memory: '1Mi' } } },
        ],
      },
      /initContainers\[0\]\.resources\.requests: Invalid value: "1Mi": must be less than or equal to memory limit of 1M$/,
    ],
    [
      { containers: [{ ...container, resources: { limits: { 'a.b/gpu': '2' }, requests: { 'a.b/gpu': '1' } } }] },
      /requests: Invalid value: "1": must be equal to a\.b\/gpu limit of 2$/,
    ],
    [
      { containers: [{ ...container, resources: { requests: { cpu: '-1' } } }] },
      /resources\.requests\[cpu\]: Invalid value: "-1": must be greater than or equal to 0$/,
    ],
    [
      { containers: [{ ...container, resources: { limits: { memory: '1e400' } } }] },
      /resources\.limits\[memory\]: Invalid value: "1e400": must be a quantity such as 500m, 2 or 64Mi/,
    ],
    [
      { containers: [container], resources: { limits: { cpu: '1' }, requests: { cpu: '2' } } },
      /spec\.resources\.requests: Invalid value: "2": must be less than or equal to cpu limit of 1$/,
    ],
    [
      { containers: [container], volumes: [{ name: 'v', emptyDir: { sizeLimit: '-1Mi' } }] },
      /volumes\[0\]\.emptyDir\.sizeLimit: Invalid value: "-1Mi": must be greater than or equal to 0$/,
    ],
    [{ containers: [{ ...container, env: [{ name: 'a=b' }] }] }, /env\[0\]\.name: Invalid value/],
    [
      { containers: [{ ...container, env: [{ name: 'a', valueFrom: { fieldRef: { fieldPath: 'spec.secret' } } }] }] },
      /fieldPath: Invalid value: "spec\.secret"/,
    ],
    [
      { containers: [{ ...container, livenessProbe: {} }] },
      /livenessProbe: Required value: must specify a handler type/,
    ],
    [
      { containers: [{ ...container, livenessProbe: { tcpSocket: { port: 0 } } }] },
      /livenessProbe\.tcpSocket\.port: Invalid value: 0/,
    ],
    [{ containers: [container], restartPolicy: 'Often' as 'Never' }, /spec\.restartPolicy: Unsupported value: "Often"/],
    [{ containers: [container], dnsPolicy: 'None' }, /spec\.dnsConfig\.nameservers: Required value/],
    [{ containers: [container], hostname: 'a.b' }, /spec\.hostname: Invalid value: "a\.b"/],
    [
      { containers: [container], hostAliases: [{ ip: '1.2.3' }] },
      /spec\.hostAliases\[0\]\.ip: Invalid value: "1\.2\.3"/,
    ],
    [
      { containers: [container], volumes: [{ name: 'v', hostPath: { path: '/a/../b' } }] },
      /hostPath\.path: Invalid value/,
    ],
    [
      { containers: [container], volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/' } }] },
      /spec\.volumes\[0\]: Forbidden: may not specify more than 1 volume type/,
    ],
  ]
  const ruled = (more: object): object => ({ containers: [{ ...container, restartPolicyRules: [more] }] })
  rows.push(
    [
      ruled({ action: 'Restart', exitCodes: { operator: 'In', values: [1] } }),
      /restartPolicy: Required value: must specify/,
    ],
    [ruled({ action: 'Burn', exitCodes: { operator: 'In', values: [1] } }), /\[0\]\.action: Unsupported value: "Burn"/],
    [ruled({ action: 'Restart' }), /\[0\]\.exitCodes: Required value/],
    [
      ruled({ action: 'Restart', exitCodes: { operator: 'In', values: [] } }),
      /values: Invalid value: .*must have 1 to 255/,
    ],
  )
  for (const [spec, expected] of rows)
    assert.throws(() => make(registry, 'Pod', { ...pod, spec }), { code: 422, message: expected })
})

test("a pod's spec is for life, but for its image and what else upstream lets change", () => {
  const registry = cluster()
  const made = clone(make(registry, 'Pod', pod)) as unknown as Pod
  const change = (edit: (spec: PodSpec) => void): AnyObject => {
    const next = clone(made)
    delete (next.metadata as { resourceVersion?: string }).resourceVersion
    edit(next.spec)
    return registry.update(resources.Pod, next as unknown as AnyObject)
  }
  const [first] = made.spec.containers
  assert.equal(change((spec) => Object.assign(spec.containers[0] ?? {}, { image: 'other' })).metadata.generation, 2)
  change((spec) => spec.tolerations?.push({ key: 'x', operator: 'Exists' }))
  for (const edit of [
    (spec: PodSpec) => void (spec.nodeName = 'node1'),
    (spec: PodSpec) => void (spec.hostname = 'x'),
    (spec: PodSpec) => void spec.containers.push({ ...(first ?? container), name: 'd' }),
  ])
    assert.throws(() => change(edit), {
      code: 422,
      message: /spec: Forbidden: pod updates may not change fields other than/,
    })
})

test('gates of a pod are named when it is made, can only go, and keep it from a node', () => {
  const registry = cluster()
  const gates = ['example.com/a', 'example.com/b'].map((name) => ({ name }))
  make(registry, 'Pod', { ...pod, spec: { ...pod.spec, schedulingGates: gates } })
  const read = (): Pod => clone(registry.get(resources.Pod, 'a', 'default')) as unknown as Pod
  const scheduled = (): unknown => read().status?.conditions?.find(({ type }) => type === 'PodScheduled')?.reason
  assert.equal(scheduled(), 'SchedulingGated')
  assert.throws(() => registry.bind('a', 'default', 'node1'), {
    code: 409,
    message: /pod a has non-empty .spec.schedulingGates/,
  })
  const change = (schedulingGates: { name: string }[]): void => {
    const next = read()
    registry.update(resources.Pod, { ...next, spec: { ...next.spec, schedulingGates } })
  }
  assert.throws(() => change([...gates, { name: 'c' }]), {
    code: 422,
    message: /spec\.schedulingGates\[2\]: Forbidden: only deletion is allowed, but found new scheduling gate 'c'/,
  })
  change(gates.slice(1))
  change([])
  registry.bind('a', 'default', 'node1')
  assert.equal(scheduled(), undefined)
})

test('a pod gets its node once, by binding', () => {
  const registry = cluster()
  make(registry, 'Pod', pod)
  const bound = registry.bind('a', 'default', 'node1') as unknown as Pod
  assert.equal(bound.spec.nodeName, 'node1')
  assert.equal(bound.status?.conditions?.[0]?.type, 'PodScheduled')
  assert.throws(() => registry.bind('a', 'default', 'node2'), {
    code: 409,
    message: /already assigned to node "node1"/,
  })
})

test('a scheduled pod goes in two steps, an unscheduled one at once', () => {
  let now = Date.parse('2026-01-01T00:00:00Z')
  const registry = cluster(() => new Date(now))
  make(registry, 'Pod', pod)
  assert.equal(registry.delete(resources.Pod, 'a', 'default').gone, true)
  make(registry, 'Pod', pod)
  registry.bind('a', 'default', 'node1')
  const { object, gone } = registry.delete(resources.Pod, 'a', 'default')
  assert.equal(gone, false)
  assert.equal(object.metadata.deletionTimestamp, '2026-01-01T00:00:30Z')
  now += 5000
  const shorter = registry.delete(resources.Pod, 'a', 'default', { gracePeriodSeconds: 10 }).object
  assert.equal(shorter.metadata.deletionTimestamp, '2026-01-01T00:00:10Z')
  const longer = registry.delete(resources.Pod, 'a', 'default', { gracePeriodSeconds: 60 }).object
  assert.deepEqual(longer, shorter)
  assert.throws(() => registry.delete(resources.Pod, 'a', 'default', { uid: 'other' }), { code: 409 })
  assert.equal(registry.delete(resources.Pod, 'a', 'default', { gracePeriodSeconds: 0 }).gone, true)
})

test('finalizers hold an object until the last one is taken away', () => {
  const registry = cluster()
  make(registry, 'ConfigMap', {
    metadata: { name: 'm', namespace: 'default', finalizers: ['example.com/a', 'example.com/b'] },
  })
  assert.equal(registry.delete(resources.ConfigMap, 'm', 'default').gone, false)
  const without = (...finalizers: string[]): AnyObject =>
    registry.patch(resources.ConfigMap, 'm', 'default', (object) => {
      object.metadata.finalizers = finalizers
      return object
    })
  assert.throws(() => without('example.com/a', 'example.com/c'), {
    code: 422,
    message: /no new finalizers can be added if the object is being deleted/,
  })
  without('example.com/a')
  assert.ok(registry.find(resources.ConfigMap, 'm', 'default'))
  without()
  assert.equal(registry.find(resources.ConfigMap, 'm', 'default'), undefined)
})

test('orphaning and foreground deletion are finalizers for the garbage collector', () => {
  const registry = cluster()
  make(registry, 'Deployment', deployment)
  const { object, gone } = registry.delete(resources.Deployment, 'a', 'default', { propagationPolicy: 'Orphan' })
  assert.deepEqual([gone, object.metadata.finalizers], [false, ['orphan']])
  const other = registry.delete(resources.Deployment, 'a', 'default', { propagationPolicy: 'Foreground' })
  assert.deepEqual(other.object.metadata.finalizers, ['foregroundDeletion'])
})

test('a namespace is terminating until it is finalized, and takes nothing new meanwhile', () => {
  const registry = cluster()
  assert.throws(() => make(registry, 'ConfigMap', { metadata: { name: 'm', namespace: 'n' } }), {
    code: 404,
    message: 'namespaces "n" not found',
  })
  const made = make(registry, 'Namespace', { metadata: { name: 'n' } }) as unknown as Namespace
  assert.deepEqual(
    [made.spec, made.status, made.metadata.labels],
    [{ finalizers: ['kubernetes'] }, { phase: 'Active' }, { 'kubernetes.io/metadata.name': 'n' }],
  )
  // While it lives, its finalizer cannot be taken away.
  const kept = registry.update(resources.Namespace, {
    ...clone(made),
    spec: { finalizers: [] },
  }) as unknown as Namespace
  assert.deepEqual(kept.spec?.finalizers, ['kubernetes'])
  const { object } = registry.delete(resources.Namespace, 'n')
  assert.equal((object as unknown as Namespace).status?.phase, 'Terminating')
  assert.throws(() => make(registry, 'ConfigMap', { metadata: { name: 'm', namespace: 'n' } }), {
    code: 403,
    message: /because it is being terminated/,
  })
  registry.update(resources.Namespace, { ...clone(object), spec: { finalizers: [] } })
  assert.equal(registry.find(resources.Namespace, 'n'), undefined)
  assert.throws(() => registry.delete(resources.Namespace, 'kube-system'), { code: 403 })
})

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
