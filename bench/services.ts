import type { Bench, Options, Outcome, Row } from './harness/bench.ts'
import { allowedCores, pin } from './harness/cores.ts'
import { figure } from './harness/figure.ts'
import { loopbackUp } from './harness/loopback.ts'
import { kubeProxy } from './harness/peers.ts'
import { othersListen } from './services/listeners.ts'
import { type KubeProxyFigures, measureKubeProxy } from './services/kube-proxy.ts'
import { live } from './services/live.ts'
import { manyServed } from './services/make.ts'
import { nftIsHere } from './services/peer.ts'
import { singleChanges } from './services/single.ts'
import { wholeSync, wholeSyncCounted } from './services/whole.ts'

const each = 3

/** What is measured at one number of services. */
interface Plan {
  readonly services: number
  readonly rounds: number
  /** How often kube-proxy's layout is loaded through nft. */
  readonly layout: 'each' | 'once' | 'never'
  readonly singleRounds: number
  readonly counted?: boolean
  readonly changes: number
  readonly stormSeconds?: number
  readonly memory?: boolean
  /** Changes that the program kube-proxy is given; 0: it is not measured. */
  readonly kubeProxy: number
}

const shortPlans: readonly Plan[] = [
  { services: 10, rounds: 5, layout: 'each', singleRounds: 20, changes: 500, kubeProxy: 12 },
  { services: 1000, rounds: 5, layout: 'each', singleRounds: 20, changes: 250, kubeProxy: 12 },
  { services: 10_000, rounds: 3, layout: 'never', singleRounds: 20, changes: 500, stormSeconds: 10, kubeProxy: 0 },
]
const longPlans: readonly Plan[] = [
  { services: 10, rounds: 15, layout: 'each', singleRounds: 60, changes: 2500, kubeProxy: 40 },
  { services: 1000, rounds: 9, layout: 'each', singleRounds: 60, changes: 2500, kubeProxy: 40 },
  {
    services: 10_000,
    rounds: 5,
    layout: 'once',
    singleRounds: 60,
    counted: true,
    changes: 2500,
    memory: true,
    kubeProxy: 20,
  },
  {
    services: 100_000,
    rounds: 3,
    layout: 'never',
    singleRounds: 60,
    changes: 2500,
    stormSeconds: 60,
    memory: true,
    kubeProxy: 0,
  },
]

/** Teaching a kernel all services, one change among them, and many. */
export const bench: Bench = {
  about: `services of ${each} endpoints: all at once, one change, many changes; against kube-proxy and its layout of chains`,
  where: 'namespaces',
  async prepare({ long }) {
    const found = kubeProxy(long)
    return {
      ...('program' in found ? { KUBE_PROXY: found.program } : { KUBE_PROXY_MISSING: found.missing }),
      ...(othersListen() && { OTHERS_LISTEN: 'yes' }),
    }
  },
  async run({ long, say }): Promise<Outcome> {
    loopbackUp()
    const [own, other = own] = allowedCores()
    const pinned = own !== undefined && pin(process.pid, own)
    const cores = pinned ? { agent: own, api: other } : { agent: undefined, api: undefined }
    const rows: Row[] = []
    for (const plan of long ? longPlans : shortPlans) rows.push(...(await measure(plan, cores, say)))
    const missing = process.env['KUBE_PROXY_MISSING']
    return {
      rows,
      notes: [
        ...(nftIsHere ? [] : ['no peer in this run: the program nft is not here (Debian: apt-get install nftables)']),
        ...(missing === undefined ? [] : [`without the program kube-proxy: ${missing}`]),
        pinned
          ? `each measured process has one core (taskset), peers too; the API server has ${other === own ? 'the same' : 'another'}`
          : 'processes run on any core: the program taskset is not here (Debian: apt-get install util-linux)',
        'all, objects to commit: in an empty network namespace, nothing kept from before; of nft only the call, its text was ready',
        'in the kernel: the wanted elements are known; encoding, the transaction, the answer. Twelve changes in a row, then one of the peer',
        "watch event to commit: a stub API server in another process writes the time into the object; the agent has the product's client (HTTPS), book and netlink socket",
        'kube-proxy is given minSyncPeriod 1 ms (usually 1 s); its first synchronization by its own log, its changes until it logs that they are done',
        ...(process.env['OTHERS_LISTEN'] === undefined ? [] : [listening]),
      ],
    }
  },
}

const listening =
  'meanwhile other programs of this machine listened to nf_tables: the kernel then makes a message of every element, in all network namespaces, and all services at once take about twice as long'

interface Cores {
  readonly agent: number | undefined
  readonly api: number | undefined
}

async function measure(plan: Plan, cores: Cores, say: Options['say']): Promise<Row[]> {
  const { services } = plan
  const name = services.toLocaleString('en')
  say(`${name} services: all at once`)
  const all = manyServed(services, each)
  const layout = nftIsHere ? plan.layout : 'never'
  const whole = await wholeSync(all, { rounds: plan.rounds, peer: layout })
  const rows: Row[] = [whole]
  if (plan.counted) rows.push(await wholeSyncCounted(all, plan.rounds))
  say(`${name} services: one change`)
  const single = singleChanges(all, each, { rounds: plan.singleRounds, peer: layout !== 'never' })
  const nft = single[0]?.peer && { ...single[0].peer, line: 'nft' }
  rows.push(...single)

  const program = process.env['KUBE_PROXY']
  let theirs: KubeProxyFigures | undefined
  if (program !== undefined && nftIsHere && plan.kubeProxy > 0) {
    say(`${name} services: kube-proxy`)
    theirs = await measureKubeProxy({ program, services, each, changes: plan.kubeProxy, cores })
    const peer = { what: 'kube-proxy itself', figure: figure([theirs.syncMs]) }
    rows.splice(1, 0, {
      ...whole,
      what: '  the same',
      peer,
      point: { line: 'whole', peerLine: 'kube-proxy', x: services },
    })
  }
  say(`${name} services: an agent that follows an API server`)
  const change = theirs ? { what: 'kube-proxy itself', line: 'kube-proxy', figure: figure(theirs.changes) } : nft
  rows.push(
    ...(await live({
      ...plan,
      each,
      cores,
      ...(change && { peer: change }),
      ...(theirs && { peerMemory: theirs.memory }),
    })),
  )
  return rows.map((row) => ({ ...row, what: row.what.startsWith(' ') ? row.what : `${name}: ${row.what}` }))
}
