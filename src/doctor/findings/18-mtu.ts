import { parseAddress, rangeAround, formatCidr } from '../../base/address.ts'
import type { Because } from '../../trace/types.ts'
import type { LinkFact, MachineFacts, PodFacts } from '../facts.ts'
import { machineObject } from '../kernels.ts'
import type { Check, Finding, View } from '../types.ts'
import { listed, plural } from './finding.ts'
import { onNode } from './on-node.ts'

/**
 * Every link has a longest packet. A link that is shorter than what is sent over it throws packets away: with a word (ICMP "fragmentation
 * needed") where a machine routes to it, without one where the other end of its cable or segment sends more than it takes in.
 */
export const check: Check = {
  number: 18,
  title: 'large answers hang: the MTU is not the same on all the way',
  codes: ['MtuDiffers', 'MtuTooBig'],
  needs: 'machines',
  find: (view) => [...segments(view), ...view.machines.flatMap((one) => [...cables(view, one), ...waysOut(view, one)])],
}

/** Cards on one segment: nobody routes between them, so nobody says that a frame is too long. */
function segments({ cluster, machines }: View): Finding[] {
  const cards = machines.flatMap(({ node, kind, links }) =>
    links
      .filter((link) => link.up && link.kind !== 'bridge' && link.bridge === undefined && link.name !== 'lo')
      .flatMap((link) => rangesOf(link).map((range) => ({ node, kind, link, range }))),
  )
  return [...Map.groupBy(cards, ({ range }) => range)].flatMap(([range, all]) => {
    const largest = Math.max(...all.map(({ link }) => link.mtu))
    const short = all.filter(({ link }) => link.mtu < largest)
    return short.map(({ node, kind, link }): Finding => {
      const evidence = all.map((one): Because => ({ kind: 'object', text: `${one.node}: ${textOf(one.link)}` }))
      return {
        number: 18,
        code: 'MtuDiffers',
        level: 'error',
        object: machineObject({ node, kind }),
        field: `${link.name}: mtu`,
        sure: 'certain',
        evidence,
        say: `${link.name} of ${node} takes packets of up to ${link.mtu} bytes, others on ${range} send up to ${largest}: longer ones are lost there, and nobody is told`,
        fix: `on ${node}: ${setMtu(link.name, largest)}; or ${link.mtu} on all the others, and for their pods`,
        ...onNode(cluster, node, setMtu(link.name, largest)),
      }
    })
  })
}

/** The node's end of a pod's cable takes in less than the pod sends. */
function cables({ cluster }: View, { node, links, pods }: MachineFacts): Finding[] {
  return pods.flatMap((pod): Finding[] => {
    const inside = cardOf(pod)
    const outside = links.find(({ name }) => name === pod.hostDevice)
    if (!inside || !outside || outside.mtu >= inside.mtu) return []
    const [namespace = '', name = ''] = pod.pod.split('/')
    return [
      {
        number: 18,
        code: 'MtuDiffers',
        level: 'error',
        object: { kind: 'Node', name: node },
        also: [{ kind: 'Pod', namespace, name }],
        field: `${outside.name}: mtu`,
        sure: 'certain',
        evidence: [
          { kind: 'object', text: `pod ${pod.pod}: ${textOf(inside)}` },
          { kind: 'object', text: `${node}: ${textOf(outside)}, its other end` },
        ],
        say: `pod ${pod.pod} sends packets of up to ${inside.mtu} bytes, and ${outside.name}, the other end of its cable on ${node}, takes ${outside.mtu}: longer ones are lost, and nobody is told`,
        fix: `on ${node}: ${setMtu(outside.name, inside.mtu)}`,
        ...onNode(cluster, node, setMtu(outside.name, inside.mtu)),
      },
    ]
  })
}

/** Pods send more than their node's way out takes: the node says so by ICMP, and whoever loses that word hangs. */
function waysOut({ cluster }: View, { node, kind, links, routes, pods }: MachineFacts): Finding[] {
  const way = routes.find(({ to, kind: of }) => to === 'default' && of === 'unicast')
  const out = links.find(({ name }) => name === way?.device)
  const tunnels = links.filter((link) => link.kind === 'vxlan' && link.up)
  const narrow = [...(out ? [out] : []), ...tunnels].toSorted((a, b) => a.mtu - b.mtu)[0]
  if (!narrow) return []
  const over = pods.filter((pod) => (cardOf(pod)?.mtu ?? 0) > narrow.mtu && !isTold(pod, narrow.mtu))
  const inner = tunnels.filter((tunnel) => out !== undefined && tunnel.mtu > out.mtu - vxlanBytes)
  const found: Finding[] = inner.map((tunnel) => ({
    number: 18,
    code: 'MtuTooBig',
    level: 'error',
    object: machineObject({ node, kind }),
    field: `${tunnel.name}: mtu`,
    sure: 'certain',
    evidence: [tunnel, ...(out ? [out] : [])].map(
      (link): Because => ({ kind: 'object', text: `${node}: ${textOf(link)}` }),
    ),
    say: `${tunnel.name} of ${node} takes ${tunnel.mtu} bytes and puts ${vxlanBytes} around them, and ${out?.name} takes ${out?.mtu}`,
    fix: `on ${node}: ${setMtu(tunnel.name, (out?.mtu ?? 0) - vxlanBytes)}`,
    ...onNode(cluster, node, setMtu(tunnel.name, (out?.mtu ?? 0) - vxlanBytes)),
  }))
  const [first] = over
  if (!first) return found
  const mtu = cardOf(first)?.mtu ?? 0
  const names = over.map(({ pod }) => pod)
  return [
    ...found,
    {
      number: 18,
      code: 'MtuTooBig',
      level: 'warning',
      object: machineObject({ node, kind }),
      also: over.map(({ pod }) => ({ kind: 'Pod', namespace: pod.split('/')[0] ?? '', name: pod.split('/')[1] ?? '' })),
      field: `${narrow.name}: mtu`,
      sure: 'likely',
      evidence: [
        { kind: 'object', text: `${node}: ${textOf(narrow)}` },
        ...over
          .slice(0, 3)
          .map((pod): Because => ({ kind: 'object', text: `pod ${pod.pod}: ${textOf(cardOf(pod) ?? narrow)}` })),
      ],
      say: `${plural(over.length, 'pod')} on ${node} (${listed(names)}) may send packets of ${mtu} bytes, and ${narrow.name}, the way out, takes ${narrow.mtu}: what is larger waits until a message about it (ICMP "fragmentation needed") comes through`,
      fix: `give the way out ${mtu} (on ${node}: ${setMtu(narrow.name, mtu)}), or begin the pods anew: their cables then take ${narrow.mtu}`,
      ...onNode(cluster, node, setMtu(narrow.name, mtu)),
    },
  ]
}

/** Ethernet, IPv4, UDP and VXLAN headers (RFC 7348). */
const vxlanBytes = 50

/** A pod whose own route knows the limit. */
function isTold({ routes }: PodFacts, mtu: number): boolean {
  const ways = routes.filter(({ to }) => to === 'default')
  return ways.length > 0 && ways.every((route) => route.mtu !== undefined && route.mtu <= mtu)
}

function cardOf({ links }: PodFacts): LinkFact | undefined {
  return links.find(({ name, up, addresses }) => name !== 'lo' && up && addresses.length > 0)
}

function rangesOf({ addresses }: LinkFact): string[] {
  return addresses.flatMap((text) => {
    const [host = '', prefix = ''] = text.split('/')
    const address = parseAddress(host)
    // Link-local addresses are on every card.
    if (address === undefined || address.startsWith('fe80:') || address.startsWith('169.254.')) return []
    return [formatCidr(rangeAround(address, Number(prefix)))]
  })
}

function setMtu(name: string, mtu: number): string {
  return `ip link set dev ${name} mtu ${mtu}`
}

function textOf({ name, mtu }: LinkFact): string {
  return `${name} mtu ${mtu}`
}
