import type { Mac } from '../../kernel/rtnetlink/mac.ts'
import { diff } from '../../kernel/nftables/diff.ts'
import type { Element } from '../../kernel/nftables/element.ts'
import type { Packed } from '../../kernel/nftables/packed.ts'
import type { Ruleset } from '../../kernel/nftables/ruleset.ts'
import { setLink } from '../../kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { bridgeTable, bridgeTableOf, portKey, type Promiscuous, senderKey } from './bridge-table.ts'
import { CniError } from './error.ts'
import type { Connected, Extra } from './extras.ts'
import { hostDeviceOf } from './leases.ts'
import { nftablesForNow, routesForNow } from '../sockets.ts'
import type { Network } from './network.ts'

/** promiscMode, macspoofchk and portIsolation of the reference bridge. */
export const bridgeRules: Extra = {
  prepare(network, tables) {
    if (network.promiscMode) makePromiscuous(network.bridge)
    if (!network.promiscMode && !network.macspoofchk && !tables.has('bridge')) return
    using nftables = nftablesForNow()
    const committed = nftables.read(bridgeTableOf(network.name))
    nftables.apply(diff(committed, wantedOf(network, committed)))
  },
  apply(pod) {
    const { network, hostDevice, socket } = pod
    if (network.portIsolation) socket.apply(setLink(hostDevice, { port: { isolated: true } }))
    if (network.macspoofchk) {
      using nftables = nftablesForNow()
      const add = (set: string, key: Packed) => ({ op: 'add elements', set, elements: [{ key }] }) as const
      // The sender first: no moment at which the pod may not send.
      const ops = [add('senders', senderKey(hostDevice, macOf(pod))), add('checked', portKey(hostDevice))]
      nftables.apply({ table: bridgeTableOf(network.name), ops })
    }
    return []
  },
  check(pod) {
    const { network, hostDevice, bridge, socket } = pod
    if (network.promiscMode && !bridge.promiscuous) return `the bridge ${bridge.name} is not promiscuous`
    if (network.portIsolation && socket.link(hostDevice)?.port?.isolated !== true)
      return `${hostDevice} is not isolated`
    if (!network.promiscMode && !network.macspoofchk) return undefined
    using nftables = nftablesForNow()
    const committed = nftables.read(bridgeTableOf(network.name))
    if (committed === undefined || diff(committed, wantedOf(network, committed)).ops.length > 0)
      return `the rules of the bridge ${bridge.name} are not those that ADD made`
    const held =
      committed.sets.get('checked')?.elements.has(portKey(hostDevice)) &&
      committed.sets.get('senders')?.elements.has(senderKey(hostDevice, macOf(pod)))
    return network.macspoofchk && !held ? `${hostDevice} is not held to the container's Ethernet address` : undefined
  },
  remove(owner) {
    const own = portKey(hostDeviceOf(owner))
    forget(owner.network, (port) => port === own)
  },
  keepOnly(network, alive) {
    const kept = new Set([...alive].map(portKey))
    forget(network, (port) => !kept.has(port))
  },
  removeNetwork(network) {
    using nftables = nftablesForNow()
    const table = bridgeTableOf(network)
    if (nftables.read(table) !== undefined) nftables.apply({ table, ops: [{ op: 'delete table' }] })
  },
}

/** With what is in its sets already: whose pods those are does not change with a configuration. */
function wantedOf(network: Network, committed: Ruleset | undefined): Ruleset {
  const wanted = bridgeTable(network.name, promiscuousOf(network))
  const sets = [...wanted.sets].map(([name, { spec, elements }]) => {
    const present = committed?.sets.get(name)?.elements ?? elements
    return [name, { spec, elements: present }] as const
  })
  return { ...wanted, sets: new Map(sets) }
}

function makePromiscuous(bridge: string): void {
  using socket = routesForNow()
  socket.apply(setLink(bridge, { promiscuous: true }))
}

function promiscuousOf({ promiscMode, bridge, gateways, isGateway }: Network): Promiscuous | undefined {
  if (!promiscMode || !isGateway) return undefined
  using socket = routesForNow()
  const mac = socket.link(bridge)?.mac
  if (mac === undefined) throw new CniError('failed', `there is no bridge ${bridge}`)
  return { mac, gateways }
}

/** Takes the ports that are meant out of both sets; fine when there are none, or no table. */
function forget(network: string, isMeant: (port: Packed) => boolean): void {
  using nftables = nftablesForNow()
  const table = bridgeTableOf(network)
  const committed = nftables.read(table)
  const ops = (['checked', 'senders'] as const).flatMap((set) => {
    const elements = elementsIn(committed, set).filter(({ key }) => isMeant(key.slice(0, 16) as Packed))
    return elements.length === 0 ? [] : [{ op: 'delete elements', set, elements } as const]
  })
  if (ops.length > 0) nftables.apply({ table, ops })
}

function elementsIn(committed: Ruleset | undefined, set: string): Element[] {
  return [...(committed?.sets.get(set)?.elements.keys() ?? [])].map((key) => ({ key }))
}

function macOf({ netns, owner }: Connected): Mac {
  using inside = openRouteSocket(netns)
  const mac = inside.link(owner.ifname)?.mac
  if (mac !== undefined) return mac
  throw new CniError('failed', `the container has no ${owner.ifname}`)
}
