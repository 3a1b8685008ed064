import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { unsupported } from './unsupported.ts'

const containers = [{ name: 'web', image: 'host' }]
const said = (spec: object, missing = {}): string[] =>
  unsupported({ containers, ...spec }, { emptyDirs: false, missing })

test('an ordinary pod asks for nothing that it does not get', () => {
  assert.deepEqual(said({}), [])
  const off = { hostPID: false, hostUsers: true, affinity: {}, topologySpreadConstraints: [], securityContext: {} }
  assert.deepEqual(said(off), [])
  const web = {
    name: 'web',
    ports: [{ containerPort: 80 }],
    resources: { requests: { cpu: '1' } },
    securityContext: { seccompProfile: { type: 'Unconfined' }, procMount: 'Default' },
    volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'None' }],
  }
  assert.deepEqual(said({ securityContext: { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] } }), [])
  const usual = { os: { name: 'linux' }, priorityClassName: 'system-node-critical', overhead: {} }
  assert.deepEqual(said(usual), [])
  const sources = [{ configMap: { name: 'a' } }, { serviceAccountToken: { path: 't' } }]
  const types = { a: { hostPath: {} }, b: { configMap: {} }, c: { secret: {} }, d: { projected: { sources } } }
  assert.deepEqual(said({ volumes: Object.entries(types).map(([name, type]) => ({ name, ...type })) }), [])
  assert.deepEqual(
    said({ containers: [web], volumes: [{ name: 'v', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }] }),
    [],
  )
})

test('what has no effect is named, with the container or volume that it is for', () => {
  const rows: [object, string][] = [
    [{ hostUsers: false }, 'hostUsers'],
    [{ affinity: { nodeAffinity: {} } }, 'affinity'],
    [{ runtimeClassName: 'gvisor' }, 'runtimeClassName'],
    [
      { securityContext: { sysctls: [{ name: 'kernel.shmmax', value: '1' }] } },
      'securityContext.sysctls kernel.shmmax (only those of the network are set here)',
    ],
    [
      { hostNetwork: true, securityContext: { sysctls: [{ name: 'net/core/somaxconn', value: '1' }] } },
      "securityContext.sysctls net.core.somaxconn (with hostNetwork it is the node's)",
    ],
    [{ securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }, 'securityContext.seccompProfile'],
    [{ volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }] }, 'emptyDir.sizeLimit of volume v'],
    [{ volumes: [{ name: 'v', emptyDir: { medium: 'HugePages-2Mi' } }] }, 'emptyDir.medium HugePages-2Mi of volume v'],
    [{ volumes: [{ name: 'v', emptyDir: { medium: 'Disk' } }] }, 'emptyDir.medium Disk of volume v'],
    [{ os: { name: 'windows' } }, 'os.name windows'],
    [{ securityContext: { windowsOptions: { hostProcess: true } } }, 'securityContext.windowsOptions'],
    [{ overhead: { cpu: '250m' } }, 'overhead'],
    [{ priorityClassName: 'high' }, 'priorityClassName high'],
    [
      { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] },
      'persistentVolumeClaim of volume v (no container can start)',
    ],
    [{ volumes: [{ name: 'v', image: { reference: 'a' } }] }, 'image of volume v (no container can start)'],
    [
      { volumes: [{ name: 'v', projected: { sources: [{ clusterTrustBundle: { path: 'ca' } }] } }] },
      'projected.clusterTrustBundle of volume v',
    ],
  ]
  for (const [spec, say] of rows) assert.deepEqual(said(spec), [say])
  const of = (container: object): string[] => said({ containers: [{ name: 'web', ...container }] })
  assert.deepEqual(of({ securityContext: { procMount: 'Unmasked' } }), ['securityContext.procMount of container web'])
  const debug = {
    name: 'debug',
    securityContext: { procMount: 'Unmasked', seccompProfile: { type: 'RuntimeDefault' }, windowsOptions: { a: 'b' } },
    volumeMounts: [{ name: 'v', mountPath: '/v', mountPropagation: 'Bidirectional' }],
  }
  assert.deepEqual(said({ ephemeralContainers: [debug] }), [
    'securityContext.procMount of container debug',
    'securityContext.seccompProfile of container debug',
    'securityContext.windowsOptions of container debug',
    'volumeMounts.mountPropagation of container debug',
  ])
  assert.deepEqual(said({ initContainers: [{ name: 'init', volumeDevices: [{}] }] }), [
    'volumeDevices of container init',
  ])
})

/** What is done, or asks for nothing that anybody would miss; whatever else a pod may say must be named. */
const done: Record<string, string> = {
  PodSpec: `
    activeDeadlineSeconds automountServiceAccountToken containers dnsConfig dnsPolicy enableServiceLinks ephemeralContainers hostAliases hostIPC hostNetwork
    hostPID hostUsers hostname imagePullSecrets initContainers nodeName nodeSelector os preemptionPolicy priority priorityClassName readinessGates resources
    restartPolicy schedulerName schedulingGates securityContext serviceAccount serviceAccountName setHostnameAsFQDN shareProcessNamespace subdomain
    terminationGracePeriodSeconds tolerations volumes`,
  PodSecurityContext: `
    fsGroup fsGroupChangePolicy runAsGroup runAsNonRoot runAsUser supplementalGroups supplementalGroupsPolicy`,
  Container: `
    args command env envFrom image imagePullPolicy lifecycle livenessProbe name ports readinessProbe resizePolicy resources restartPolicy restartPolicyRules
    securityContext startupProbe stdin stdinOnce terminationMessagePath terminationMessagePolicy tty volumeMounts workingDir`,
  SecurityContext: `
    allowPrivilegeEscalation capabilities privileged readOnlyRootFilesystem runAsGroup runAsNonRoot runAsUser`,
  ResourceRequirements: 'limits requests',
  Lifecycle: 'postStart preStop stopSignal',
  VolumeMount: 'mountPath name readOnly subPath subPathExpr',
  Volume: 'configMap downwardAPI emptyDir hostPath name projected secret',
  VolumeProjection: 'configMap downwardAPI secret serviceAccountToken',
  EmptyDirVolumeSource: 'medium sizeLimit',
}

test("of every field of Kubernetes' schema it is known whether it is done or named", () => {
  const path = join(import.meta.dirname, '../api/schema/table.json')
  const table = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>
  const web = containers[0]
  const specs: Record<string, (given: object) => object> = {
    PodSpec: (given) => given,
    PodSecurityContext: (securityContext) => ({ securityContext }),
    Container: (given) => ({ containers: [{ ...web, ...given }] }),
    SecurityContext: (securityContext) => ({ containers: [{ ...web, securityContext }] }),
    ResourceRequirements: (resources) => ({ containers: [{ ...web, resources }] }),
    Lifecycle: (lifecycle) => ({ containers: [{ ...web, lifecycle }] }),
    VolumeMount: (given) => ({ containers: [{ ...web, volumeMounts: [{ name: 'v', mountPath: '/v', ...given }] }] }),
    Volume: (given) => ({ volumes: [{ name: 'v', ...given }] }),
    VolumeProjection: (given) => ({ volumes: [{ name: 'v', projected: { sources: [given] } }] }),
    EmptyDirVolumeSource: (emptyDir) => ({ volumes: [{ name: 'v', emptyDir }] }),
  }
  for (const [type, specOf] of Object.entries(specs)) {
    const known = done[type]?.trim().split(/\s+/) ?? []
    const fields = (table[type] ?? assert.fail(`the schema has no ${type}`)).split(';').map((one) => one.split(' '))
    const names = fields.map(([name = '']) => name.replace('!', ''))
    assert.deepEqual(
      known.filter((name) => !names.includes(name)),
      [],
      `the schema's ${type} has no such field`,
    )
    for (const [index, [, kind = '']] of fields.entries()) {
      const name = names[index] ?? ''
      if (!known.includes(name)) assert.notDeepEqual(said(specOf({ [name]: asking(kind) })), [], `${type}.${name}`)
    }
  }
})

/** A value of the schema's kind that asks for something. */
function asking(kind: string): unknown {
  const plain: Record<string, unknown> = { s: 'x', b: true, i: 1, l: 1, '{}q': { a: '1' } }
  return plain[kind] ?? (kind.startsWith('[]') ? [{ name: 'x' }] : { x: 1 })
}

test('resources that nothing counts are named, whether they are limits or requests alone', () => {
  const of = (resources: object): string[] => said({ containers: [{ name: 'web', resources }] })
  const gpu = { 'nvidia.com/gpu': '1' }
  assert.deepEqual(of({ requests: gpu }), [
    'resources.requests.nvidia.com/gpu (nothing counts it here) of container web',
  ])
  assert.deepEqual(of({ limits: gpu, requests: gpu }), [
    'resources.limits.nvidia.com/gpu (nothing counts it here) of container web',
  ])
})

test('a signal that there is none of, and a mount that is to be read-only in its depths alone, are named', () => {
  const of = (container: object): string[] => said({ containers: [{ name: 'web', ...container }] })
  for (const stopSignal of ['SIGQUIT', 'SIGRTMIN+3', '']) assert.deepEqual(of({ lifecycle: { stopSignal } }), [])
  assert.deepEqual(of({ lifecycle: { stopSignal: 'SIGFOO' } }), [
    'lifecycle.stopSignal SIGFOO (no signal has this name: SIGTERM it is) of container web',
  ])
  const mount = { name: 'v', mountPath: '/v', recursiveReadOnly: 'Enabled' }
  assert.deepEqual(of({ volumeMounts: [{ ...mount, readOnly: true }] }), [])
  assert.deepEqual(of({ volumeMounts: [mount] }), [
    'volumeMounts.recursiveReadOnly (it needs readOnly: true) of container web',
  ])
})

test("with hostNetwork a port is the node's anyway", () => {
  assert.deepEqual(
    said({ hostNetwork: true, containers: [{ name: 'web', ports: [{ containerPort: 80, hostPort: 80 }] }] }),
    [],
  )
})

test('limits are named where nothing holds a container to them, with the reason', () => {
  const resources = { limits: { cpu: '1', memory: '1Gi', 'ephemeral-storage': '1Gi' } }
  const web = { containers: [{ name: 'web', resources }] }
  assert.deepEqual(said(web), ['resources.limits.ephemeral-storage (nothing counts it here) of container web'])
  assert.deepEqual(said(web, { cpu: 'no right', memory: 'not mounted' }), [
    'resources.limits.cpu (no right) of container web',
    'resources.limits.memory (not mounted) of container web',
    'resources.limits.ephemeral-storage (nothing counts it here) of container web',
  ])
  assert.deepEqual(said({ resources: { limits: { cpu: '1' } } }, { cpu: 'no right' }), [
    'resources.limits.cpu (no right)',
  ])
})
