import type { Service } from '../../../api/objects/service.ts'
import { address } from '../../../base/address.ts'
import { parseTarget } from '../../../trace/ask/target.ts'
import type { Case } from '../../../trace/case.ts'
import type { Cluster } from '../../../trace/cluster/cluster.ts'
import { told } from '../../../trace/testing/across.ts'
import type { DnsStep, Hop } from '../../../trace/types.ts'
import type { View } from '../../types.ts'
import { now } from '../testing.ts'
import { asked, at, caseOf, ended, fromNode, seen, sent, viewOf } from './cases.ts'
import type { Row } from './row.ts'

const web = told.cluster.services[0] as Service
const withWeb = (spec: Partial<Service['spec']>, more: Partial<Cluster> = {}): Cluster => ({
  ...told.cluster,
  services: [{ ...web, spec: { ...web.spec, ...spec } }],
  ...more,
})
const bank: Service = { ...web, metadata: { name: 'bank', namespace: 'money' } }
const step = (change: Partial<DnsStep>): DnsStep => ({
  question: 'web.shop.svc.cluster.local',
  type: 'A',
  server: '100.64.0.10',
  rcode: 'NXDOMAIN',
  answers: [],
  ms: 1,
  ...change,
})
const refused = (spec: Partial<Service['spec']>, more: Partial<Cluster>): View =>
  asked('http://web/', { cluster: withWeb(spec, more), to: at('100.64.0.20', 80), result: sent('refused') })
const nodePort = { port: 80, targetPort: 8080, nodePort: 30_080 }
const nodeDns = { address: address('169.254.20.10'), node: 'node1' }
const ending = told.cluster.pods.map((pod) =>
  pod.metadata.name === 'far'
    ? { ...pod, metadata: { ...pod.metadata, deletionTimestamp: new Date(now).toISOString() } }
    : pod,
)
const done = told.cluster.pods.map((pod) => ({ ...pod, status: { ...pod.status, phase: 'Succeeded' as const } }))
const balanced: Service = {
  ...web,
  spec: { ...web.spec, type: 'LoadBalancer', loadBalancerSourceRanges: ['203.0.113.0/24'] },
  status: { loadBalancer: { ingress: [{ ip: '192.0.2.8' }] } },
}
const dropped: Hop = {
  node: 'node1',
  place: 'node1',
  device: 'cbr0',
  component: 'proxy',
  action: 'dropped',
  packet: { src: '100.96.1.2:40000', dst: '192.0.2.8:80', proto: 'tcp' },
  because: { kind: 'rule', text: 'drop' },
  say: '',
}
const sizes = (by?: string): NonNullable<Case['sizes']> => ({
  tried: [{ bytes: 1500, passed: false, ...(by !== undefined && { by, mtu: 1400 }) }],
  hops: [{ place: 'client', device: 'eth0', mtu: 1500 }],
  say: 'echo requests to pod far (100.96.2.2)',
})
const timeout = { result: sent('timeout') }

export const rows: readonly Row[] = [
  ['NameUnknown', 'error', 'certain', asked('http://wbe/')],
  ['NameElsewhere', 'error', 'certain', asked('http://bank/', { cluster: { ...told.cluster, services: [bank] } })],
  ['NameOfPod', 'error', 'certain', asked('http://far/')],
  ['NameOutside', 'error', 'certain', asked('http://example.com/')],
  ['NameNotServed', 'error', 'certain', asked('http://web/')],
  [
    'ExternalNameWithoutAddress',
    'error',
    'certain',
    asked('http://web/', { cluster: withWeb({ type: 'ExternalName', externalName: 'example.com' }) }),
  ],
  ['SearchedName', 'info', 'certain', ended({ dns: [step({}), ...told.dns] })],
  [
    'NoSuchPort',
    'error',
    'certain',
    asked('http://web:8080/', { to: at('100.64.0.20', 8080), result: sent('refused') }),
  ],
  [
    'PortOfService',
    'error',
    'likely',
    asked('192.168.50.12:80', {
      cluster: withWeb({ ports: [nodePort] }),
      to: at('192.168.50.12', 80),
      result: sent('refused'),
    }),
  ],
  [
    'PortOfPod',
    'error',
    'likely',
    ended({ target: parseTarget('100.96.2.2:80'), to: at('100.96.2.2', 80) }, { verdict: 'refused' }),
  ],
  [
    'ExternalNameHost',
    'warning',
    'likely',
    ended({
      cluster: withWeb({ type: 'ExternalName', externalName: 'example.com' }),
      result: sent('answered', '404 Not Found'),
    }),
  ],
  [
    'ExternalNameHost',
    'warning',
    'possible',
    ended({
      target: parseTarget('https://web/'),
      cluster: withWeb({ type: 'ExternalName', externalName: 'example.com' }),
    }),
  ],
  [
    'HeadlessPort',
    'error',
    'certain',
    asked('http://web/', {
      cluster: withWeb({ clusterIP: 'None' }),
      to: at('100.96.2.2', 80),
      result: sent('refused'),
    }),
  ],
  ['PacketTooBig', 'warning', 'certain', ended({ sizes: sizes('node1') })],
  ['LargeVanish', 'error', 'certain', ended({ sizes: sizes() })],
  ['SaidNo', 'info', 'certain', asked('http://wbe/')],
  ['AnswerLost', 'info', 'certain', seen(10, 3, timeout)],
  [
    'AnsweredElse',
    'info',
    'certain',
    // A node’s own program took it; what a pod’s said is told by 28.
    viewOf(fromNode(caseOf({ result: sent('connected', 'what came is not HTTP') }))),
  ],
  ['Silence', 'info', 'certain', seen(4, 0, timeout)],
  [
    'NotSent',
    'info',
    'certain',
    asked('http://web/', { dns: told.dns, to: at('100.64.0.20', 80), result: sent('unreachable') }),
  ],
  ['ServicePinged', 'error', 'certain', asked('icmp://100.64.0.20', { to: at('100.64.0.20', 0), ...timeout })],
  [
    'NodePortUnreachable',
    'error',
    'likely',
    seen(4, 0, {
      target: parseTarget('192.168.50.12:30080'),
      to: at('192.168.50.12', 30_080),
      cluster: withWeb({ type: 'NodePort', ports: [nodePort] }),
      ...timeout,
    }),
  ],
  [
    'ClusterOnly',
    'error',
    'certain',
    asked('100.64.0.20:80', {
      source: { kind: 'outside', key: 'outside', node: 'outside', address: address('198.51.100.2') },
      cluster: withWeb({ clusterIPs: ['100.64.0.20'] }),
      to: at('100.64.0.20', 80),
      ...timeout,
    }),
  ],
  [
    'NoPodOnNode',
    'error',
    'certain',
    ended(
      { cluster: withWeb({ internalTrafficPolicy: 'Local' }), ...timeout },
      { verdict: 'dropped', hops: [{ ...dropped, packet: { ...dropped.packet, dst: '100.64.0.20:80' } }] },
    ),
  ],
  [
    'SourceRange',
    'error',
    'certain',
    ended(
      { cluster: { ...told.cluster, services: [balanced] }, to: at('192.0.2.8', 80), ...timeout },
      { verdict: 'dropped', hops: [dropped] },
    ),
  ],
  ['EndedWhileServing', 'error', 'certain', seen(10, 0, { cluster: { ...told.cluster, pods: ending }, ...timeout })],
  ['NoNameServer', 'error', 'certain', asked('http://web/', { dns: [step({ rcode: 'TIMEOUT' })] })],
  [
    'NodeDnsHangs',
    'error',
    'certain',
    asked('http://web/', {
      cluster: { ...told.cluster, nodeDns },
      dns: [step({ rcode: 'TIMEOUT', server: nodeDns.address })],
    }),
  ],
  [
    'NodeDnsAway',
    'error',
    'certain',
    ended(
      { cluster: { ...told.cluster, nodeDns }, target: parseTarget('dns://web'), to: at(nodeDns.address, 53) },
      { verdict: 'refused' },
    ),
  ],
  // What is for information alone is an error where it was asked for.
  ['NoSelector', 'error', 'certain', refused({ selector: {} }, { slices: [] })],
  ['PodsEnded', 'error', 'certain', refused({}, { slices: [], pods: done })],
  [
    'NoSuchService',
    'error',
    'certain',
    asked('100.64.0.98:80', { to: at('100.64.0.98', 80), result: sent('refused') }),
  ],
  ['OutsideCluster', 'error', 'certain', asked('http://8.8.8.8/', { to: at('8.8.8.8', 80), ...timeout })],
  ['ProgramSilent', 'error', 'certain', ended({ result: sent('connected') })],
  ['NoDatagramBack', 'info', 'certain', ended(timeout, { verdict: 'delivered' })],
]
