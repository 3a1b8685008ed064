import type { Service } from '../../api/objects/service.ts'
import { type Address, hostPort, parseAddress } from '../../base/address.ts'
import { nodeAt, ownerOf, serviceAddresses } from '../../trace/cluster/cluster.ts'
import type { Because } from '../../trace/types.ts'
import { directoryOf } from '../directory.ts'
import type { ConnectionGroup, MachineFacts } from '../facts.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, plural, referTo } from './finding.ts'
import { idleSeconds, mostIdle } from './idle.ts'
import { onNode } from './on-node.ts'

/**
 * A UDP client that goes on sending keeps its connection entry alive, and with it the endpoint that was chosen for its first datagram. TCP
 * would notice that nobody answers; UDP sends into nothing. Whoever keeps the rules has to delete such entries, or they stay.
 */
export const check: Check = {
  number: 17,
  title: 'silence: UDP datagrams go to an endpoint that has gone',
  codes: ['UdpBlackHole'],
  needs: 'machines',
  find: (view) =>
    view.machines.flatMap((machine) =>
      machine.connections.groups.flatMap((group) => (group.protocol === 'udp' ? ofGroup(view, machine, group) : [])),
    ),
}

function ofGroup(view: View, machine: MachineFacts, group: ConnectionGroup): Finding[] {
  const { cluster } = view
  const { node } = machine
  const { address, port, endpoint, endpointPort, samples } = group
  const at = directoryOf(cluster).reached(address, port, 'udp')
  if (!at || (endpoint === address && !translates(view, machine, address, at.service, port))) return []
  const { service } = at
  const slices = directoryOf(cluster).slices(service)
  const isListed = slices.some(
    ({ endpoints, ports = [] }) =>
      ports.some((one) => one.port === endpointPort && one.protocol === 'UDP') &&
      (endpoints ?? []).some(({ addresses }) => addresses.some((text) => parseAddress(text) === endpoint)),
  )
  // An entry whose time runs out is forgotten by itself, unless its client sends again.
  const [last] = samples
  if (isListed || !last || idleSeconds(machine, 'udp', last) > mostIdle) return []
  const from = last.original.split(' > ')[0] ?? ''
  const client = clientOf(cluster, from)
  const whose = endpoint === address ? 'nobody: it was not translated at all' : hostPort(endpoint, endpointPort)
  const owner = ownerOf(cluster, endpoint)
  const gone =
    endpoint === address
      ? ''
      : owner.kind === 'pod'
        ? `, which is ${nameOf(owner.pod)} and no endpoint any more`
        : ', which no pod has any more'
  const evidence: Because[] = samples.map((one) => ({
    kind: 'conntrack',
    text: `${node}: udp ${one.original}${one.answered ? '' : ' [UNREPLIED]'}, reply ${one.reply}${one.timeoutSeconds === undefined ? '' : `, ${one.timeoutSeconds} s left`}`,
  }))
  const forget = `conntrack -D -p udp --orig-dst ${address} --orig-port-dst ${port}`
  return [
    {
      number: 17,
      code: 'UdpBlackHole',
      level: 'error',
      object: referTo(service),
      also: [...(client ? [client] : []), { kind: 'Node', name: node }],
      sure: 'certain',
      evidence,
      say: `${plural(group.count, 'sender')} of datagrams to ${nameOf(service)}, port ${port}, on ${node} still ${group.count === 1 ? 'sends' : 'send'} to ${whose}${gone}: ${from} gets no answer, and UDP does not tell it`,
      fix: `on ${node}: ${forget}, or stop the sender for half a minute; the agent of ${node} does it at each change: see whether it runs`,
      ...onNode(cluster, node, forget),
    },
  ]
}

/**
 * Whether this machine is who has to choose an endpoint for the address: a node for what services have, and for its own node ports. On the way
 * there others pass the datagram on as it is, and it may be one of those that nobody answers (metrics, logs).
 * An address can be both: a node's own, and by other ports an external IP of services.
 */
function translates(
  { cluster }: View,
  { node, kind }: MachineFacts,
  address: Address,
  service: Service,
  port: number,
): boolean {
  if (kind !== 'node') return false
  const isOwn = serviceAddresses(service).includes(address) && service.spec.ports?.some((one) => one.port === port)
  return isOwn === true || nodeAt(cluster, address)?.metadata.name === node
}

function clientOf(
  cluster: View['cluster'],
  from: string,
): { kind: string; namespace?: string; name: string } | undefined {
  const address = from.slice(0, from.lastIndexOf(':')).replace(/^\[|\]$/g, '')
  const parsed = parseAddress(address)
  const [pod] = parsed === undefined ? [] : directoryOf(cluster).podsAt(parsed)
  return pod && referTo(pod)
}
