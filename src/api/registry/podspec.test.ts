import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod, PodSpec } from '../objects/pod.ts'
import { cluster, container, make, pod } from './testing.ts'

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
      {
        containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/x', subPath: 'a', subPathExpr: 'b' }] }],
        volumes: [{ name: 'v' }],
      },
      /volumeMounts\[0\]\.subPathExpr: Invalid value: "b": subPathExpr and subPath are mutually exclusive$/,
    ],
    [
      {
        containers: [{ ...container, volumeMounts: [{ name: 'v', mountPath: '/x', recursiveReadOnly: 'Enabled' }] }],
        volumes: [{ name: 'v' }],
      },
      /volumeMounts\[0\]\.recursiveReadOnly: Forbidden: may only be specified when readOnly is true$/,
    ],
    [
      { containers: [{ ...container, securityContext: { privileged: true, allowPrivilegeEscalation: false } }] },
      /securityContext: Invalid value: .*: cannot set `allowPrivilegeEscalation` to false and `privileged` to true$/,
    ],
    [
      { containers: [container], hostPID: true, shareProcessNamespace: true },
      /shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled$/,
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
