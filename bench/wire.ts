import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Bench, Outcome, Row } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { rounds } from './harness/rounds.ts'
import { echoPort, type Ends, greetPort, openEnds, streamPort } from './wire/ends.ts'
import { byHand, type Node, ours, type Place } from './wire/places.ts'
import type { Ask } from './wire/talk.ts'

type Kind = Ask['kind']
/** `hand`: over a bridge made by hand; the others on nodes of Kubehop's: to the pod itself, and through services. */
type Way = 'hand' | 'pod' | 'few' | 'many' | 'counted'

const ports: Readonly<Record<Kind, number>> = { stream: streamPort, connections: greetPort, pingpong: echoPort }
const servicePort = 80
const few = 10

/** What Kubehop's wire costs over the barest one that Linux can make. */
export const bench: Bench = {
  about: 'pod to pod and pod to service on one node, against a bridge and veth pairs made by hand',
  where: 'namespaces',
  async run({ long, say }): Promise<Outcome> {
    const folder = mkdtempSync(join(tmpdir(), 'kubehop-bench-'))
    const many = long ? 100_000 : 10_000
    const opened: Ends[] = []
    const open = async ({ client, server }: Place): Promise<Ends> => {
      const ends = await openEnds(client, server)
      opened.push(ends)
      return ends
    }
    try {
      say(`nodes of ${few} and of ${many.toLocaleString('en')} services`)
      const bare = byHand()
      const nodes = {
        few: ours(few, join(folder, 'few')),
        many: ours(many, join(folder, 'many')),
        counted: ours(many, join(folder, 'counted'), { counters: true }),
      }
      const pairs = {
        hand: await open(bare),
        few: await open(nodes.few),
        many: await open(nodes.many),
        counted: await open(nodes.counted),
      }
      const through = (node: keyof typeof nodes, kind: Kind): Call => {
        const { services }: Node = nodes[node]
        return { ends: pairs[node], address: services[kind], port: servicePort }
      }
      const rows: Row[] = []
      for (const { kind, say: what } of measures) {
        say(what)
        const calls: Record<Way, Call> = {
          hand: { ends: pairs.hand, address: bare.address, port: ports[kind] },
          pod: { ends: pairs.few, address: nodes.few.address, port: ports[kind] },
          few: through('few', kind),
          many: through('many', kind),
          counted: through('counted', kind),
        }
        rows.push(...rowsOf(kind, await compare(kind, calls, long ? 15 : 5, long ? 1000 : 300), many))
      }
      return { rows, notes }
    } finally {
      for (const ends of opened) ends.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

const measures: readonly { kind: Kind; say: string }[] = [
  { kind: 'stream', say: 'one stream' },
  { kind: 'pingpong', say: 'there and back' },
  { kind: 'connections', say: 'new connections' },
]

const notes = [
  'sender and receiver are two processes with blocking system calls (bench/wire/talk.ts), no iperf3; 128 KiB at a time, MTU 1500',
  'there and back: one byte each way on a connection that stays, as netperf TCP_RR; new connections end with a reset',
  'for both the two processes share one core (taskset): what is measured is the work, not how soon one core wakes another',
  'the bridge made by hand has no packet filter (bridge-nf-call-iptables 0) and no connection tracking',
  'counters: connections, packets and bytes of each service, in the same rules',
]

interface Call {
  readonly ends: Ends
  readonly address: string
  readonly port: number
}

/** For each way its rounds; of each round the figure, and what 99 of 100 stay below where that was measured. */
async function compare(
  kind: Kind,
  calls: Record<Way, Call>,
  count: number,
  ms: number,
): Promise<Record<Way, { first: number[]; second: number[] }>> {
  const second: Record<Way, number[]> = { hand: [], pod: [], few: [], many: [], counted: [] }
  const contestant = (way: Way) => async (round: number) => {
    const { ends, address, port } = calls[way]
    const [value = Number.NaN, tail] = await ends.ask({ kind, address, port, ms })
    if (round > 0 && tail !== undefined) second[way].push(tail)
    return value
  }
  const first = await rounds<Way>(count, {
    hand: contestant('hand'),
    pod: contestant('pod'),
    few: contestant('few'),
    many: contestant('many'),
    counted: contestant('counted'),
  })
  const both = (way: Way): { first: number[]; second: number[] } => ({ first: first[way], second: second[way] })
  return { hand: both('hand'), pod: both('pod'), few: both('few'), many: both('many'), counted: both('counted') }
}

function rowsOf(kind: Kind, measured: Awaited<ReturnType<typeof compare>>, many: number): Row[] {
  const rows = (of: 'first' | 'second', what: string, unit: string, better: Row['better']): Row[] => {
    const row = (said: string, way: Way, beside: Way, name: string, reach?: string): Row => ({
      what: said,
      unit,
      better,
      figure: figure(measured[way][of]),
      peer: { what: name, figure: figure(measured[beside][of]) },
      ...(reach !== undefined && { reach }),
    })
    const limit = 'bridge and veth made by hand'
    const stream = kind === 'stream'
    return [
      row(`${what}, pod to pod`, 'pod', 'hand', limit, stream ? '0.98 x' : undefined),
      row(`${what}, to one of ${few} services`, 'few', 'hand', limit, stream ? '0.95 x' : undefined),
      row('  the same', 'few', 'pod', 'pod to pod'),
      row(`  to one of ${many.toLocaleString('en')}`, 'many', 'few', `to one of ${few}`, 'flat (1 x)'),
      row('  with counters', 'counted', 'many', 'without'),
    ]
  }
  if (kind === 'stream') return rows('first', 'one stream', 'Gbit/s', 'higher')
  if (kind === 'connections') return rows('first', 'new connections', '/s', 'higher')
  return [
    ...rows('first', 'there and back, median', 'µs', 'lower'),
    ...rows('second', 'there and back, 99 of 100', 'µs', 'lower'),
  ]
}
