import assert from 'node:assert/strict'
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
    [{ securityContext: { sysctls: [{ name: 'a', value: '1' }] } }, 'securityContext.sysctls'],
    [{ securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }, 'securityContext.seccompProfile'],
    [{ volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }] }, 'emptyDir.sizeLimit of volume v'],
    [{ volumes: [{ name: 'v', emptyDir: { medium: 'HugePages-2Mi' } }] }, 'emptyDir.medium HugePages-2Mi of volume v'],
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
