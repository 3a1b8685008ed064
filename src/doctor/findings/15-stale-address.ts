import type { Pod } from '../../api/objects/pod.ts'
import { type Address, contains, parseAddress } from '../../base/address.ts'
import { isAlive, nodeOfRange, ownerOf, podKey } from '../../trace/cluster/cluster.ts'
import type { Because } from '../../trace/types.ts'
import { directoryOf } from '../directory.ts'
import type { ConnectionFact, ConnectionGroup, MachineFacts } from '../facts.ts'
import { machinesOf } from '../machines.ts'
import type { Check, Finding, ObjectReference, View } from '../types.ts'
import { referTo, senderOf } from './finding.ts'
import { idleSeconds, mostIdle } from './idle.ts'

/** An address for pods that no pod has: somebody kept it. */
export const check: Check = {
  number: 15,
  title: 'no answer: an address that a pod had is still used',
  codes: ['NoSuchPod'],
  needs: 'machines',
  uses: 'request',
  find: (view) => {
    const asked = fromRequest(view)
    const said = new Set(asked.map(({ say }) => say.split(' ')[0]))
    return [...asked, ...fromMachines(view).filter(({ say }) => !said.has(say.split(' ')[0]))]
  },
}

function fromRequest(view: View): Finding[] {
  const { request } = view
  if (!request?.to || request.verdict === 'delivered') return []
  const { address } = request.to
  if (!isNobodys(view, address)) return []
  return [
    finding(address, senderOf(request), [{ kind: 'object', text: `no pod has ${address}` }, ...failed(view, address)]),
  ]
}

/** Who sends to such an address: a pod with a connection that was begun and that nobody answers. */
function fromMachines(view: View): Finding[] {
  const alive = new Map(view.cluster.pods.filter(isAlive).map((pod) => [podKey(pod), pod]))
  const found = new Map<string, Finding>()
  const add = (address: Address, client: ObjectReference, evidence: readonly Because[]): void => {
    const key = `${address} ${client.namespace}/${client.name}`
    if (!found.has(key)) found.set(key, finding(address, client, evidence))
  }
  // An entry "failed" among a pod's neighbours alone is no proof: it may only have answered somebody who has gone.
  for (const { pod, neighbours, dialling = [] } of [...machinesOf(view).pods.values()].map((one) => one.pod))
    for (const { from, to, port, process, pid } of dialling) {
      const client = alive.get(pod)
      if (!client || !isNobodys(view, to)) continue
      const who = process === undefined ? '' : ` ${process}[${pid}]`
      const own = neighbours.filter(({ address, state }) => address === to && isAsked(state))
      add(to, referTo(client), [
        { kind: 'socket', text: `pod ${pod}: tcp SYN_SENT ${from} > ${to}:${port}${who}` },
        ...own.map(
          ({ device, state }): Because => ({
            kind: 'neighbour',
            text: `pod ${pod}: ${to} dev ${device} ${state.toUpperCase()}`,
          }),
        ),
        ...failed(view, to),
      ])
    }
  for (const machine of view.machines)
    for (const group of machine.connections.groups) {
      if (group.unanswered === 0 || !isNobodys(view, group.address)) continue
      for (const { client, one } of stillAsking(view, machine, group)) {
        const text = `${machine.node}: ${group.protocol} ${one.state ?? ''} ${one.original} [UNREPLIED]`
        const evidence: Because = { kind: 'conntrack', text: text.replace('  ', ' ') }
        add(group.address, referTo(client), [evidence, ...failed(view, group.address)])
      }
    }
  return [...found.values()]
}

/**
 * Pods that asked lately, and again: an entry stays for two minutes, also of a single connection that was begun in the moment in which its
 * pod ended. A datagram's entry is the same for all that follow it.
 */
function stillAsking(
  { cluster }: View,
  machine: MachineFacts,
  { protocol, samples }: ConnectionGroup,
): { client: Pod; one: ConnectionFact }[] {
  const asking = samples.flatMap((one) => {
    const from = parseAddress(one.original.slice(0, one.original.indexOf(' > ')).replace(/:\d+$/, ''))
    const [client] = from === undefined ? [] : directoryOf(cluster).podsAt(from)
    return one.answered || !client || idleSeconds(machine, protocol, one) > mostIdle ? [] : [{ client, one }]
  })
  const again = ({ client }: { client: Pod }): boolean => asking.filter((other) => other.client === client).length > 1
  return protocol === 'tcp' ? asking.filter(again) : asking
}

/** What the kernels say of those who asked "who has it?" in vain. */
function failed(view: View, address: Address): Because[] {
  return view.machines.flatMap(({ node, neighbours }) =>
    neighbours
      .filter((one) => one.address === address && isAsked(one.state))
      .map(
        ({ device, state }): Because => ({
          kind: 'neighbour',
          text: `${node}: ${address} dev ${device} ${state.toUpperCase()}`,
        }),
      ),
  )
}

const isAsked = (state: string): boolean => state === 'failed' || state === 'incomplete'

/** In the range of a node's pods, and nobody has it. */
function isNobodys({ cluster, ranges }: View, address: Address): boolean {
  if (ranges && contains(ranges.services, address)) return false
  if (!nodeOfRange(cluster, address) && !(ranges && contains(ranges.pods, address))) return false
  return ownerOf(cluster, address).kind === 'unknown' && directoryOf(cluster).podsAt(address).length === 0
}

function finding(address: Address, client: ObjectReference, evidence: readonly Because[]): Finding {
  return {
    number: 15,
    code: 'NoSuchPod',
    level: 'error',
    object: client,
    sure: 'certain',
    evidence,
    say: `${address} is an address for pods, and no pod has it (any more)`,
    fix: 'pods come and go: ask a service. kubectl get pods -A -o wide has the addresses of now',
  }
}
