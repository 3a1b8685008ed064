import { connect } from '../../../src/api/client/http.ts'
import type { AnyObject } from '../../../src/api/json.ts'
import { testApi } from '../../../src/api/testing.ts'
import { address, cidr } from '../../../src/base/address.ts'
import { defaults, forwardDefaults, type DnsConfig } from '../../../src/dns/config/config.ts'
import { startDns } from '../../../src/dns/dns.ts'
import { service, slice } from '../../../src/dns/testing/cluster.ts'
import { types } from '../../../src/dns/wire/message.ts'
import { pino } from 'pino'
import { type Asked, askAll } from './ask.ts'
import type { Pair } from './both.ts'
import { ownAddress, startCoreDns } from './coredns.ts'
import { namespaces, type Named, reverseRanges } from './random-objects.ts'
import { interwebs } from './upstream.ts'

const log = pino({ level: process.env['KUBEHOP_LOG'] ?? 'silent' })

/** CoreDNS and our server in front of one API server. */
export interface Pairs extends AsyncDisposable {
  /** Reverse names of the cluster's ranges are theirs alone, or only those that they know. */
  readonly pairs: Readonly<Record<'ranged' | 'usual', Pair>>
  /** From now on there are these services; resolves when all servers know. */
  replace(services: readonly Named[]): Promise<void>
}

export async function startPairs(program: string): Promise<Pairs> {
  const stack = new AsyncDisposableStack()
  try {
    const cluster = stack.use(await testApi())
    const { store } = cluster.api.registry
    // Straight into the store: these objects are what some API server would let in, not just the one with our service range.
    const put = (object: object): AnyObject => store.put((object as AnyObject).kind as 'Service', object as AnyObject)
    for (const object of everywhere) put(object)
    const upstream = await interwebs()
    stack.defer(() => upstream.close())
    const theirs = stack.use(await startCoreDns({ program, kubeconfig: cluster.kubeconfig, upstream: upstream.port }))
    const client = connect(cluster.as('dns'))
    stack.defer(() => client.close())
    const start = async (reverse: readonly string[]): Promise<number> => {
      const dns = await startDns({ client, config: configOf(upstream.port, reverse), log })
      stack.defer(() => dns.close())
      await dns.synced
      return dns.ports.dns[0] ?? 0
    }
    const pairs = {
      ranged: { theirs: theirs.ranged, ours: await start(reverseRanges) },
      usual: { theirs: theirs.usual, ours: await start([]) },
    }
    let before: AnyObject[] = []
    let round = 0
    const replace = async (services: readonly Named[]): Promise<void> => {
      for (const object of before) store.remove(object.kind as 'Service', object)
      const last = marks(++round)
      before = [...services.flatMap((one) => [one.service, ...one.slices]), ...last.objects].map(put)
      for (const { theirs, ours } of Object.values(pairs))
        for (const port of [theirs, ours]) await known(port, last.names)
    }
    return { pairs, replace, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

function configOf(upstream: number, reverse: readonly string[]): DnsConfig {
  const local = address('127.0.0.1')
  return {
    ...defaults,
    listen: [{ address: local, port: 0 }],
    reverse: reverse.map((range) => cidr(range)),
    forward: { ...forwardDefaults, to: [{ address: local, port: upstream }] },
    cache: { ...defaults.cache, size: 0 },
  }
}

const everywhere: readonly object[] = [
  ...namespaces.map((name) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })),
  service(
    'kube-dns',
    { clusterIP: '10.0.0.100', clusterIPs: ['10.0.0.100'], ports: [{ name: 'dns', port: 53 }] },
    'kube-system',
  ),
  slice('kube-dns', [ownAddress], [{ name: 'dns', port: 53, protocol: 'TCP' }], 'kube-system'),
]

/** Objects of each kind that come after all others, and the names by which a server shows that it knows them. */
function marks(round: number): { objects: object[]; names: string[] } {
  const [one, headless, namespace] = [`mark-${round}`, `mark-headless-${round}`, `mark-${round}`]
  return {
    objects: [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      service(headless, { clusterIP: 'None', clusterIPs: ['None'] }),
      service(one, { clusterIP: '10.0.0.101', clusterIPs: ['10.0.0.101'], ports: [{ port: 1 }] }),
      slice(headless, ['172.0.8.8']),
    ],
    names: [
      `${one}.testns.svc.cluster.local`,
      `${headless}.testns.svc.cluster.local`,
      `1-2-3-4.${namespace}.pod.cluster.local`,
    ],
  }
}

/** There is no event for what another process knows: it is asked until it does. */
async function known(port: number, names: readonly string[]): Promise<void> {
  const questions = names.map(
    (name): Asked => ({ name, type: types.A, class: 1, transport: 'udp', recursion: true, opt: null }),
  )
  const begun = performance.now()
  for (;;) {
    const answers = await askAll(port, questions)
    if (answers.every(({ answers }) => answers.length > 0)) return
    if (performance.now() - begun > 10_000) throw new Error(`port ${port} does not get to know ${names.join(', ')}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
