import { messageOf } from '../../base/errors.ts'
import type { Netns } from '../../kernel/netns.ts'
import { openNftables } from '../../kernel/nftables/socket.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { waitingSockets } from '../../kernel/sockdiag/waiting.ts'
import { hasSysctl, readSysctl } from '../../kernel/sysctl.ts'
import type { Lost, Place, StateSeen } from '../observation.ts'
import type { MachineDevice, MachineRoute, MachineState } from '../predict/machine.ts'
import { writeTable } from '../predict/tables.ts'
import { isFlagTable } from './flag.ts'
import type { Watched } from './places.ts'

/** What decides at a place where packets go, read before any is sent; without it a prediction rests on what the objects say. */
export function stateAt({ place, ns }: Watched): StateSeen | Lost {
  try {
    return { kind: 'state', place, state: gatherState(place, ns) }
  } catch (error) {
    return { kind: 'lost', place, say: `how its kernel is set up could not be read: ${messageOf(error)}` }
  }
}

function gatherState(place: Place, ns: Netns | undefined): MachineState {
  using socket = openRouteSocket(ns)
  const links = socket.links()
  const names = new Map(links.map(({ index, name }) => [index, name]))
  const { sockets, untold } = waitingSockets(ns)
  const addresses = socket.addresses().map(({ address, index }) => ({ address, device: names.get(index) ?? '' }))
  const filtered = place.kind === 'pod' ? undefined : sourceFilters(new Set(addresses.map(({ device }) => device)), ns)
  const bridged = 'net.bridge.bridge-nf-call-iptables'
  return {
    place,
    devices: links.map(
      ({ name, index, mac, up, running, kind, master, port, peer }): MachineDevice => ({
        name,
        index,
        ...(mac !== undefined && { mac }),
        up,
        carrier: running,
        ...(kind === 'bridge' && { isBridge: true }),
        ...(master !== undefined && { bridge: names.get(master) ?? '' }),
        ...(port && { hairpin: port.hairpin }),
        ...filtered?.get(name),
        ...(peer && { peer: peer.index }),
      }),
    ),
    addresses,
    neighbours: socket.neighbours().flatMap(({ address, index, mac, state }) => {
      const device = names.get(index)
      return state === 'permanent' && mac !== undefined && device !== undefined ? [{ address, device, mac }] : []
    }),
    routes: socket.routes().flatMap(({ to, kind = 'unicast', via, index, source, priority }): MachineRoute[] => {
      const device = index === undefined ? undefined : names.get(index)
      if (!isKept(kind)) return []
      return [
        {
          to,
          kind,
          ...(via !== undefined && { via }),
          ...(device !== undefined && { device }),
          ...(source !== undefined && { source }),
          ...(priority !== undefined && { priority }),
        },
      ]
    }),
    forwards: readSysctl('net.ipv4.ip_forward', ns) === '1',
    filtersBridged: place.kind === 'node' && hasSysctl(bridged, ns) && readSysctl(bridged, ns) === '1',
    ...tablesOf(place, ns),
    listeners: sockets
      .filter(({ only6 }) => !only6)
      .map(({ protocol, address, port, waiting = 0, backlog = 0 }) => ({
        protocol,
        address,
        port,
        ...(waiting > backlog && { full: true as const }),
      })),
    untold,
  }
}

/** Of the cards that packets are routed in by, which have addresses. The stricter of a card's own setting and that for all counts: IN_DEV_RPFILTER. */
function sourceFilters(
  cards: ReadonlySet<string>,
  ns: Netns | undefined,
): Map<string, Pick<MachineDevice, 'comesBack'>> {
  const of = (name: string): number => Number(readSysctl(`net.ipv4.conf.${name.replaceAll('.', '/')}.rp_filter`, ns))
  const all = of('all')
  return new Map(
    [...cards]
      .filter((name) => name !== 'lo' && /^[\w@:.-]+$/.test(name))
      .map((name) => {
        const mode = Math.max(all, of(name))
        return [name, mode === 0 ? {} : { comesBack: mode === 1 ? 'strict' : 'loose' }]
      }),
  )
}

const isKept = (kind: string): kind is MachineRoute['kind'] =>
  ['unicast', 'blackhole', 'unreachable', 'prohibit'].includes(kind)

/** This cluster's own rules are foretold from the objects: whether they are there is asked, and what else there is. */
function tablesOf(place: Place, ns: Netns | undefined): Pick<MachineState, 'serves' | 'tables'> {
  if (place.kind === 'pod') return { serves: false, tables: [] }
  using nft = openNftables(ns, { buffer: 1024 * 1024 })
  const all = nft.tables()
  return {
    serves: all.some(({ family, name }) => family === 'ip' && name === services),
    tables: all
      .filter(({ family, name }) => (family === 'ip' || family === 'inet') && !isOwn(name))
      .flatMap((table) => {
        const read = nft.read(table)
        return read ? [writeTable(read)] : []
      }),
  }
}

const services = 'kubehop'

function isOwn(name: string): boolean {
  return name === services || name === 'kubehop-hostports' || isFlagTable(name)
}
