import type { Packed } from '../kernel/nftables/packed.ts'
import type { Nftables } from '../kernel/nftables/socket.ts'
import type { Table } from '../kernel/nftables/table.ts'
import type { ServedPort } from './book.ts'
import type { SetName } from './layout/sets.ts'
import type { ServiceCounters } from './metrics/service-counters.ts'

/** Ports of services that are asked for at once: the kernel's answer and its reading take well below a millisecond. */
const portsAtOnce = 64

/**
 * What the kernel has counted for each port of a service, all its addresses taken together, a few in each turn of the event loop. A port that loses
 * an address, or a node that is taken over by a new table, begins again: readers of counters expect that.
 */
export async function* readCounters(
  nftables: Pick<Nftables, 'readElementsSlowly'>,
  table: Table,
  ports: Iterable<ServedPort>,
): AsyncGenerator<ServiceCounters> {
  let batch: ServedPort[] = []
  for (const port of ports) {
    batch.push(port)
    if (batch.length < portsAtOnce) continue
    yield* countersOf(nftables, table, batch)
    batch = []
  }
  yield* countersOf(nftables, table, batch)
}

async function* countersOf(
  nftables: Pick<Nftables, 'readElementsSlowly'>,
  table: Table,
  ports: readonly ServedPort[],
): AsyncGenerator<ServiceCounters> {
  const keys = ports.flatMap(({ flows }) => flows)
  const [connections, sent, received] = [
    await countsOf(nftables, table, 'connections', keys),
    await countsOf(nftables, table, 'sent', keys),
    await countsOf(nftables, table, 'received', keys),
  ]
  for (const { service, port, flows } of ports) {
    const [namespace = '', name = ''] = service.split('/')
    const [protocol = '', number = ''] = port.split('/')
    const common = { namespace, name, port: number, protocol }
    yield { ...common, connections: sum(connections, flows).packets }
    yield { ...common, direction: 'in', ...sum(sent, flows) }
    yield { ...common, direction: 'out', ...sum(received, flows) }
  }
}

interface Counts {
  readonly packets: number
  readonly bytes: number
}

async function countsOf(
  nftables: Pick<Nftables, 'readElementsSlowly'>,
  table: Table,
  set: SetName,
  keys: readonly Packed[],
): Promise<Map<Packed, Counts>> {
  const counts = new Map<Packed, Counts>()
  for await (const elements of nftables.readElementsSlowly(table, set, keys))
    for (const { key, counter } of elements)
      if (counter) counts.set(key, { packets: Number(counter.packets), bytes: Number(counter.bytes) })
  return counts
}

function sum(counts: ReadonlyMap<Packed, Counts>, flows: readonly Packed[]): Counts {
  let [packets, bytes] = [0, 0]
  for (const flow of flows) {
    const found = counts.get(flow)
    packets += found?.packets ?? 0
    bytes += found?.bytes ?? 0
  }
  return { packets, bytes }
}
