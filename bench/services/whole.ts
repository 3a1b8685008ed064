import { createNetns, type Netns } from '../../src/kernel/netns.ts'
import type { Row } from '../harness/bench.ts'
import { figure } from '../harness/figure.ts'
import { rounds, timed } from '../harness/rounds.ts'
import type { Served } from './make.ts'
import { type Features, openOurs } from './ours.ts'
import { kubeProxyTable, layoutLine, runNft } from './peer.ts'

/** From all objects to the commit, in an empty network namespace. `peer`: how often the layout of chains is loaded beside it. */
export async function wholeSync(
  all: readonly Served[],
  plan: { rounds: number; peer: 'each' | 'once' | 'never' },
): Promise<Row> {
  const table = plan.peer === 'never' ? '' : kubeProxyTable(all)
  const once = plan.peer === 'once' ? [await inFresh((ns) => runNft(ns, table))] : undefined
  const measured = await rounds<'ours' | 'peer'>(plan.rounds, {
    ours: () => inFresh((ns) => syncOurs(ns, all)),
    peer: () => (plan.peer === 'each' ? inFresh((ns) => runNft(ns, table)) : 0),
  })
  const theirs = once ?? measured.peer
  return {
    what: 'all, objects to commit',
    unit: 'ms',
    better: 'lower',
    figure: figure(measured.ours),
    ...(plan.peer !== 'never' && { peer: { what: layoutLine, figure: figure(theirs) } }),
    point: { line: 'whole', peerLine: 'layout', x: all.length },
  }
}

/** What the counters add to it. */
export async function wholeSyncCounted(all: readonly Served[], count: number): Promise<Row> {
  const sync = (features: Features) => () => inFresh((ns) => syncOurs(ns, all, features))
  const measured = await rounds(count, { with: sync({ counters: true }), without: sync({}) })
  return {
    what: 'the same, counting connections and packets of each',
    unit: 'ms',
    better: 'lower',
    figure: figure(measured.with),
    peer: { what: 'without counters', figure: figure(measured.without) },
  }
}

function syncOurs(ns: Netns, all: readonly Served[], features?: Features): void {
  const proxy = openOurs(ns, features)
  for (const each of all) proxy.put(each)
  proxy.commit()
  proxy.close()
}

async function inFresh(body: (ns: Netns) => void): Promise<number> {
  using ns = createNetns()
  return await timed(() => body(ns))
}
