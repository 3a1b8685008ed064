import { nth } from '../src/base/address.ts'
import { createNetns, type Netns } from '../src/kernel/netns.ts'
import type { Bench, Outcome, Row } from './harness/bench.ts'
import { figure } from './harness/figure.ts'
import { rounds, timed } from './harness/rounds.ts'
import { manyServed, podCidr, type Served, served } from './services/make.ts'
import { openOurs, type Ours } from './services/ours.ts'
import { kubeProxyChange, kubeProxyTable, nftIsHere, runNft } from './services/peer.ts'

const peerName = "kube-proxy's layout through nft"
const perService = 3

/** Teaching a kernel all services, and one change among them. */
export const bench: Bench = {
  about: `services in the kernel, ${perService} endpoints each, against kube-proxy's layout of chains through the program nft`,
  where: 'namespaces',
  async run({ long, say }): Promise<Outcome> {
    const rows: Row[] = []
    const plan = long
      ? [
          { count: 1000, whole: 9, changes: 400, peer: true },
          { count: 10_000, whole: 5, changes: 400, peer: true },
          { count: 100_000, whole: 3, changes: 400, peer: false },
        ]
      : [
          { count: 1000, whole: 5, changes: 200, peer: true },
          { count: 10_000, whole: 3, changes: 200, peer: false },
        ]
    for (const { count, whole, changes, peer } of plan) {
      const name = count.toLocaleString('en')
      say(`${name} services`)
      const all = manyServed(count, perService)
      // Loading the peer's table is its whole sync; where that takes long, the one that the changes need has to do.
      const among = await oneChange(all, changes, peer && nftIsHere)
      const sync = await wholeSync(all, whole, among.peerLoad)
      rows.push(
        { ...sync, what: `all of ${name} services`, ...(count === 10_000 && { reach: '200 x, 400 ms' }) },
        ...among.rows,
      )
    }
    return {
      rows,
      notes: [
        ...(nftIsHere ? [] : ['no peer in this run: the program nft is not here (Debian: apt-get install nftables)']),
        'all: from the objects to the committed transaction, in an empty network namespace; of the peer only the call of nft',
        'a change: one endpoint of one service is replaced; `in the kernel` is encoding and the transaction, `whole` begins with the object',
        'the peer loads 10,000 services for half a minute or more: only with --long, and once',
        "turn and turn about with the peer's program, a change finds cold caches; where no peer is beside it, it finds warm ones",
      ],
    }
  },
}

/** `peerLoad`: what the peer needed once; undefined without a peer. */
async function wholeSync(all: Served[], count: number, peerLoad: number | undefined): Promise<Row> {
  const inFresh = async (body: (ns: Netns) => void): Promise<number> => {
    using ns = createNetns()
    return await timed(() => body(ns))
  }
  const quick = peerLoad !== undefined && peerLoad < 2000
  const table = quick ? kubeProxyTable(all) : ''
  const measured = await rounds<'ours' | 'peer'>(count, {
    ours: () =>
      inFresh((ns) => {
        const proxy = openOurs(ns)
        for (const each of all) proxy.put(each)
        proxy.commit()
        proxy.close()
      }),
    peer: () => (quick ? inFresh((ns) => runNft(ns, table)) : 0),
  })
  const theirs = quick ? measured.peer : peerLoad === undefined ? [] : [peerLoad]
  return {
    what: '',
    unit: 'ms',
    better: 'lower',
    figure: figure(measured.ours),
    ...(theirs.length > 0 && { peer: { what: peerName, figure: figure(theirs) } }),
  }
}

async function oneChange(
  all: Served[],
  count: number,
  peer: boolean,
): Promise<{ rows: Row[]; peerLoad: number | undefined }> {
  using ours = createNetns()
  using theirs = createNetns()
  const proxy: Ours = openOurs(ours)
  for (const each of all) proxy.put(each)
  proxy.commit()
  const table = peer ? kubeProxyTable(all) : ''
  const peerLoad = peer ? await timed(() => runNft(theirs, table)) : undefined

  const now = [...all]
  const kernel: number[] = []
  const measured = await rounds<'ours' | 'peer'>(peer ? Math.min(count, 40) : count, {
    ours(round) {
      const { index, after } = changed(now, round)
      now[index] = after
      const begun = performance.now()
      proxy.put(after)
      kernel.push(proxy.commit())
      return performance.now() - begun
    },
    peer(round) {
      if (!peer) return 0
      const { index, after } = changed(all, round)
      return timed(() => runNft(theirs, kubeProxyChange(all[index] as Served, after)))
    },
  })
  proxy.close()
  const row = (what: string, values: number[]): Row => ({
    what,
    unit: 'ms',
    better: 'lower',
    figure: figure(values),
    ...(peer && { peer: { what: peerName, figure: figure(measured.peer) } }),
  })
  const rows: Row[] = [
    { ...row('  one change among them, in the kernel', kernel.slice(1)), reach: '0.05 ms' },
    { ...row('  one change among them, whole', measured.ours), reach: '0.5 ms' },
  ]
  return { rows, peerLoad }
}

/** Round by round another service gets another second endpoint. */
function changed(all: readonly Served[], round: number): { index: number; after: Served } {
  const index = (round * 7919) % all.length
  const before = (all[index] as Served).slice.endpoints.flatMap((each) => each.addresses)
  const fresh = nth(podCidr, 1_500_000 + round)
  return { index, after: served(index, [before[0] ?? fresh, fresh, ...before.slice(2)]) }
}
