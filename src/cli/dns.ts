import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { inCluster } from '../api/client/http.ts'
import { fromKubeconfig } from '../api/client/kubeconfig.ts'
import { type Address, address, type Cidr, parseAddress, parseCidr } from '../base/address.ts'
import { makeLog } from '../base/log.ts'
import { type DnsConfig, defaults, forwardDefaults, type UpstreamConfig } from '../dns/config/config.ts'
import { type Dns, startDns } from '../dns/dns.ts'
import { holdNodeAddress } from '../dns/node/hold.ts'
import { parseResolvConf } from '../pod/files.ts'
import { parse, UsageError } from './usage.ts'

/** How long questions are still answered after SIGTERM: until the proxies of all nodes have heard that this pod is going. */
const lameDuckMilliseconds = 1000

const anywhere = address('0.0.0.0')
const operationsAt = (address: Address): Pick<DnsConfig, 'health' | 'ready' | 'metrics'> => ({
  health: { address, port: 8080 },
  ready: { address, port: 8181 },
  metrics: { address, port: 9153 },
})

/** `kubehop dns`: the cluster's DNS server, as a pod with a service account or as one node's own, until it is told to end (SIGTERM, SIGINT). */
export async function dns(args: string[]): Promise<number> {
  const { values } = parse({
    args,
    options: {
      zone: { type: 'string', default: 'cluster.local' },
      port: { type: 'string', default: '53' },
      listen: { type: 'string', multiple: true, default: ['0.0.0.0'] },
      'node-address': { type: 'string' },
      'keep-node-address': { type: 'boolean', default: false },
      kubeconfig: { type: 'string' },
      upstream: { type: 'string', multiple: true, default: [] as string[] },
      reverse: { type: 'string', multiple: true, default: [] as string[] },
      ttl: { type: 'string', default: '30' },
    },
  })
  const log = makeLog('dns')
  const port = numberOf('port', values.port, 0xffff)
  const node = values['node-address']
  const own = node === undefined ? undefined : addressOf('node-address', node)
  // A node's own resolver leaves all other addresses of the node to others.
  const listen = (own ? [own] : values.listen.map((text) => addressOf('listen', text))).map((at) => ({
    address: at,
    port,
  }))
  const upstream = values.upstream.flatMap(upstreamsOf)
  const reverse = values.reverse.map(rangeOf)
  const ttl = numberOf('ttl', values.ttl, 3600)

  const ended = signalled()
  const client =
    values.kubeconfig === undefined
      ? inCluster({ component: 'dns', log })
      : await fromKubeconfig(values.kubeconfig, { component: 'dns', log })
  const held = own && holdNodeAddress({ address: own, port, keep: values['keep-node-address'] })
  try {
    const zone = values.zone.replace(/\.$/, '').toLowerCase()
    const forward = upstream.length === 0 ? {} : { forward: { ...forwardDefaults, to: upstream } }
    const config: DnsConfig = { ...defaults, ...operationsAt(own ?? anywhere), zone, listen, reverse, ttl, ...forward }
    const server = await startDns({ client, config, log })
    log.info({ ports: server.ports }, 'answering')
    server.synced.then(
      () => log.info('the whole cluster is known'),
      (error: unknown) => log.error({ error }, 'the cluster cannot be read'),
    )
    await retire(server, ended)
    await server.close()
  } finally {
    held?.close()
    client.close()
  }
  return 0
}

/** First "not ready", so that nothing new is sent here; then the end, which a second signal brings at once. */
async function retire(server: Dns, ended: ReturnType<typeof signalled>): Promise<void> {
  await ended.first
  server.retire()
  await Promise.race([wait(lameDuckMilliseconds, undefined, { ref: false }), ended.second])
}

function signalled(): { first: Promise<void>; second: Promise<void> } {
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let count = 0
  for (const name of ['SIGTERM', 'SIGINT'] as const)
    process.on(name, () => (count++ === 0 ? first.resolve() : second.resolve()))
  return { first: first.promise, second: second.promise }
}

/** `9.9.9.9`, `9.9.9.9:5353`, `[2620:fe::fe]:53`, or the path of a resolv.conf. */
function upstreamsOf(text: string): UpstreamConfig[] {
  if (text.startsWith('/'))
    return parseResolvConf(readFileSync(text, 'utf8')).servers.flatMap((server) => {
      const address = parseAddress(server)
      return address === undefined ? [] : [{ address, port: 53 }]
    })
  if (parseAddress(text) !== undefined) return [{ address: addressOf('upstream', text), port: 53 }]
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, colon).replace(/^\[(.*)\]$/, '$1')
  if (colon < 0) throw new UsageError(`--upstream "${text}" is not an IP address`)
  return [{ address: addressOf('upstream', host), port: numberOf('upstream', text.slice(colon + 1), 0xffff) }]
}

function rangeOf(text: string): Cidr {
  const range = parseCidr(text)
  if (!range) throw new UsageError(`--reverse "${text}" is not an address range, such as 100.96.0.0/11`)
  return range
}

function addressOf(option: string, text: string): Address {
  const address = parseAddress(text)
  if (address === undefined) throw new UsageError(`--${option} "${text}" is not an IP address`)
  return address
}

function numberOf(option: string, text: string, most: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > most) throw new UsageError(`--${option} "${text}" is not a number up to ${most}`)
  return value
}
