import type { NetworkPolicy } from '../../../api/objects/networkpolicy.ts'
import type { Pod } from '../../../api/objects/pod.ts'
import type { Service } from '../../../api/objects/service.ts'
import type { Deployment } from '../../../api/objects/workload.ts'
import { cidr } from '../../../base/address.ts'
import type { View } from '../../types.ts'
import { node, now, pod, ranges, service, slice, view } from '../testing.ts'
import type { Row } from './row.ts'

const served = (spec: Partial<Service['spec']>, endpoints: string[] = ['100.96.1.2']): View =>
  view({ cluster: { services: [service('web', spec)], slices: [slice('web', endpoints)] } })
const pods = (one: Pod, endpoints: string[] = []): View =>
  view({ cluster: { pods: [one], slices: [slice('web', endpoints)] } })
const unready = pod('web', {
  status: {
    conditions: [{ type: 'Ready', status: 'False', lastTransitionTime: new Date(now - 600_000).toISOString() }],
  },
})
/** Its readiness probe fails, and has had its time. */
const failing: Pod = {
  ...unready,
  spec: { ...unready.spec, containers: [{ name: 'main', readinessProbe: { exec: { command: ['false'] } } }] },
  status: {
    ...unready.status,
    containerStatuses: (unready.status?.containerStatuses ?? []).map((one) => ({ ...one, ready: false })),
  },
}
const external = (externalName: string, spec: Partial<Service['spec']> = {}): View =>
  view({ cluster: { services: [service('web', { type: 'ExternalName', externalName, ...spec })] } })
const deployment = (spec: Partial<Deployment['spec']>, seconds?: number): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'shop' },
  spec: {
    replicas: 3,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: {
        containers: [{ name: 'main', ports: [{ containerPort: 8080 }] }],
        ...(seconds !== undefined && { terminationGracePeriodSeconds: seconds }),
      },
    },
    ...spec,
  },
})
const ended = pod('web', { status: { phase: 'Succeeded', conditions: [] } })
const failed = pod('web', { status: { phase: 'Failed', conditions: [] } })
const policy = (app: string): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name: 'guard', namespace: 'shop' },
  spec: { podSelector: { matchLabels: { app } } },
})
const local = (spec: Partial<Service['spec']>): View =>
  view({
    cluster: {
      pods: [pod('web'), pod('client', { ip: '100.96.2.2', spec: { nodeName: 'node2' } })],
      services: [service('web', spec)],
      slices: [slice('web', [], { endpoints: [{ addresses: ['100.96.1.2'], nodeName: 'node1' }] })],
    },
  })
const nobody = { pods: [], slices: [slice('web', [])] }

export const rows: readonly Row[] = [
  ['SelectorMatchesNothing', 'error', 'certain', served({ selector: { app: 'wbe' } }, [])],
  ['ScaledToZero', 'info', 'certain', view({ cluster: { ...nobody, deployments: [deployment({ replicas: 0 })] } })],
  ['PodsNotMade', 'error', 'certain', view({ cluster: { ...nobody, deployments: [deployment({})] } })],
  ['NoSelector', 'warning', 'likely', view({ cluster: { services: [service('web', { selector: {} })], slices: [] } })],
  ['PortNotInSlice', 'error', 'certain', served({ ports: [{ port: 80, targetPort: 'http' }] }, [])],
  ['NoReadyPod', 'error', 'certain', pods(unready)],
  ['PodNotReady', 'warning', 'certain', view({ cluster: { pods: [failing], services: [], slices: [] } })],
  [
    'PodNotReady',
    'info',
    'certain',
    view({ cluster: { pods: [failing], services: [service('web', { publishNotReadyAddresses: true })] } }),
  ],
  ['PodsEnded', 'info', 'certain', pods(ended)],
  ['PodsEnded', 'warning', 'certain', pods(failed)],
  ['PolicyNotEnforced', 'warning', 'certain', view({ policies: [policy('web')], enforced: false })],
  ['PolicySelectsNothing', 'warning', 'certain', view({ policies: [policy('wbe')] })],
  ['ExternalNameIsAddress', 'error', 'certain', external('192.0.2.1')],
  ['ExternalNameNowhere', 'error', 'certain', external('nobody.shop.svc.cluster.local')],
  ['ExternalNameLoop', 'error', 'certain', external('web.shop.svc.cluster.local')],
  ['ExternalNameShort', 'error', 'certain', external('web')],
  ['ExternalNamePort', 'warning', 'certain', external('example.com', { ports: [{ port: 80, targetPort: 8080 }] })],
  ['HeadlessPortDiffers', 'info', 'possible', served({ clusterIP: 'None', clusterIPs: ['None'] })],
  ['RangesOverlap', 'error', 'certain', view({ ranges: { ...ranges, services: cidr('100.96.0.0/16') } })],
  [
    'NodeRangesOverlap',
    'error',
    'certain',
    view({ cluster: { nodes: [node('node1'), { ...node('node2'), spec: { podCIDR: '100.96.1.0/24' } }] } }),
  ],
  [
    'AddressInRange',
    'error',
    'certain',
    view({ cluster: { nodes: [{ ...node('node1'), spec: { podCIDR: '192.168.50.0/24' } }] } }),
  ],
  ['LoadBalancerPending', 'warning', 'likely', served({ type: 'LoadBalancer' })],
  ['LoadBalancerPending', 'warning', 'certain', { ...served({ type: 'LoadBalancer' }), balanced: false }],
  ['NoPodOnNode', 'warning', 'likely', local({ type: 'NodePort', externalTrafficPolicy: 'Local' })],
  ['NoPodOnNode', 'warning', 'possible', local({ internalTrafficPolicy: 'Local' })],
  [
    'NoPodOnNode',
    'info',
    'possible',
    local({ type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 31_000 }),
  ],
  [
    'RolloutCutsOff',
    'warning',
    'likely',
    view({ cluster: { deployments: [deployment({ strategy: { type: 'Recreate' } }, 0)] } }),
  ],
]
