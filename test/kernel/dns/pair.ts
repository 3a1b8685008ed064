import { pino } from 'pino'
import { connect } from '../../../src/api/client/http.ts'
import type { AnyObject } from '../../../src/api/json.ts'
import { testApi } from '../../../src/api/testing.ts'
import { startDns } from '../../../src/dns/dns.ts'
import { service, slice } from '../../../src/dns/testing/cluster.ts'
import { flags, rcodes, types } from '../../../src/dns/wire/message.ts'
import { type Asked, askAll } from './ask.ts'
import type { Pair } from './both.ts'
import { ownAddress, startCoreDns } from './coredns.ts'
import { configOf, corefiles, type Name } from './corefiles.ts'
import { namespaces, type Objects, pod } from './random-objects.ts'
import { interwebs } from './upstream.ts'

const log = pino({ level: process.env['KUBEHOP_LOG'] ?? 'silent' })

/** CoreDNS and our server in front of one API server, in every configuration. */
export interface Pairs extends AsyncDisposable {
  readonly pairs: ReadonlyMap<Name, Pair>
  /** From now on there are these objects; resolves when all servers know. */
  replace(objects: Objects): Promise<void>
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
    const names = Object.keys(corefiles) as Name[]
    const peer = { program, kubeconfig: cluster.kubeconfig, upstream: upstream.port }
    const theirs = stack.use(await startCoreDns(names, peer))
    const client = connect(cluster.as('dns'))
    stack.defer(() => client.close())
    const pairs = new Map<Name, Pair>()
    for (const name of names) {
      const dns = await startDns({ client, config: configOf(name, upstream.port), log })
      stack.defer(() => dns.close())
      await dns.synced
      pairs.set(name, { theirs: theirs.ports.get(name) ?? 0, ours: dns.ports.dns[0] ?? 0 })
    }
    let before: AnyObject[] = []
    let round = 0
    const replace = async ({ services, pods }: Objects): Promise<void> => {
      for (const object of before) store.remove(object.kind as 'Service', object)
      const last = marks(++round)
      before = [...services.flatMap((one) => [one.service, ...one.slices]), ...pods, ...last.objects].map(put)
      for (const [name, { theirs, ours }] of pairs)
        for (const port of [theirs, ours]) await known(port, [...last.names, ...(name === 'ranged' ? last.pods : [])])
    }
    return { pairs, replace, [Symbol.asyncDispose]: () => stack.disposeAsync() }
  } catch (error) {
    await stack.disposeAsync()
    throw error
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

/** Objects of each kind that come after all others, and names that exist once a server knows them. */
function marks(round: number): { objects: object[]; names: string[]; pods: string[] } {
  const [one, headless] = [`mark-${round}`, `mark-headless-${round}`]
  const last = `172.0.7.${round % 250}`
  return {
    objects: [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: one } },
      service(headless, { clusterIP: 'None', clusterIPs: ['None'] }),
      service(one, { clusterIP: '10.0.0.101', clusterIPs: ['10.0.0.101'], ports: [{ port: 1 }] }),
      slice(headless, ['172.0.8.8']),
      pod(one, 'testns', last),
    ],
    names: [`${one}.testns.svc`, `${headless}.testns.svc`, `${one}.svc`].map((name) => `${name}.cluster.local`),
    pods: [`${last.replaceAll('.', '-')}.testns.pod.cluster.local`],
  }
}

/** There is no event for what another process knows: it is asked until it does. */
async function known(port: number, names: readonly string[]): Promise<void> {
  const questions = names.map(
    (name): Asked => ({ name, type: types.A, class: 1, transport: 'udp', flags: flags.RD, opt: null }),
  )
  const begun = performance.now()
  for (;;) {
    const answers = await askAll(port, questions)
    if (answers.every(({ rcode }) => rcode === rcodes.NOERROR)) return
    if (performance.now() - begun > 10_000) throw new Error(`port ${port} does not get to know ${names.join(', ')}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
