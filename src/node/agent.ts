import { join } from 'node:path'
import type { Client } from '../api/client/client.ts'
import { type Address, type Cidr, cidr, formatCidr } from '../base/address.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import { openPodNetwork } from '../cni/network.ts'
import type { HostImageOptions } from '../pod/root/host-image.ts'
import { startPods } from '../pod/pods.ts'
import type { GroupsPlace } from '../pod/resources/groups.ts'
import { usualPlaces } from '../proxy/operations.ts'
import { startProxy } from '../proxy/proxy.ts'
import { agentPort, describeNode } from './describe.ts'
import { factsRoutes } from './facts.ts'
import { keepLease } from './lease.ts'
import { keepReady } from './ready.ts'
import { startServer } from './server.ts'
import { proxyRoutes } from './proxy.ts'
import { either } from './routes.ts'
import { traceRoutes } from './trace.ts'

export interface AgentOptions {
  name: string
  client: Client
  /** The node's own address, by which others reach it. */
  address: Address
  /** Where the agent remembers addresses, pods and their logs. */
  stateDir: string
  podCidr: Cidr
  serviceCidr: Cidr
  clusterDns: Address[]
  zone: string
  hostImage: HostImageOptions
  /** Where its pods' control groups can be made. */
  groups?: GroupsPlace | undefined
  /** Folders of images, the first before the others; what is fetched goes to the first. */
  imageStores: readonly string[]
  tls: { cert: string; key: string; ca: string }
  log: Log
}

/**
 * Everything that a node does, in the order in which each part needs the one before: the node makes itself known, is given its range of pod
 * addresses, lays cbr0, teaches its kernel the services, runs pods, and answers the API server. Resolves when the node is Ready.
 */
export async function startAgent(options: AgentOptions): Promise<{ close(): Promise<void> }> {
  const {
    name,
    client,
    address,
    stateDir,
    podCidr,
    serviceCidr,
    clusterDns,
    zone,
    hostImage,
    imageStores,
    tls,
    log,
    groups,
  } = options
  await register(client, name, address)
  const lease = keepLease(client, name, log)

  // The proxy needs no range of this node: it learns services while the range is given out.
  const proxy = startProxy({
    client,
    nodeName: name,
    podCidr,
    serviceCidr,
    counters: true,
    ...usualPlaces,
    lock: join(stateDir, 'services'),
    log: log.child({ room: 'proxy' }),
  })
  const range = await givenRange(client, name)
  const network = openPodNetwork({
    podCidr: range,
    stateDir: join(stateDir, 'network'),
    log: log.child({ room: 'cni' }),
  })
  await proxy.synced

  const pods = startPods({
    client,
    nodeName: name,
    hostIP: address,
    network,
    stateDir: join(stateDir, 'pods'),
    clusterDns,
    zone,
    images: { host: hostImage, stores: imageStores },
    ...(groups && { groups }),
    log: log.child({ room: 'pod' }),
  })
  const server = startServer({
    pods,
    tls,
    address,
    port: agentPort,
    more: either(either(traceRoutes(name, pods), factsRoutes(name, serviceCidr, pods)), proxyRoutes(proxy)),
    log,
  })
  const say = `cbr0 holds ${formatCidr(range)}; services are in the kernel`
  const ready = keepReady(client, name, say, log)
  await ready.first
  log.info({ range: formatCidr(range) }, 'the node is ready')
  return {
    async close() {
      server.close()
      ready.close()
      lease.close()
      await pods.close()
      proxy.close()
    },
  }
}

/** Makes the Node, or finds it from an earlier life and brings its status up to date; its range of addresses stays. */
async function register(client: Client, name: string, address: Address): Promise<void> {
  const wanted = describeNode(name, address)
  const known = await client.get('Node', name)
  if (!known) {
    await client.create('Node', wanted)
    return
  }
  await client.patch('Node', name, undefined, { metadata: { labels: wanted.metadata.labels } })
  await client.patch('Node', name, undefined, { status: wanted.status ?? {} }, 'status')
}

/** Resolves once the control loop has written spec.podCIDR. */
function givenRange(client: Client, name: string): Promise<Cidr> {
  return new Promise((resolve, reject) => {
    const follower = client.follow('Node', {
      fieldSelector: `metadata.name=${name}`,
      onChange: (change) => {
        const range = change.type === 'deleted' ? undefined : change.object.spec?.podCIDR
        if (range === undefined) return
        queueMicrotask(() => follower.close())
        try {
          resolve(cidr(range))
        } catch (error) {
          reject(new Error(`node: its range of pod addresses cannot be used: ${messageOf(error)}`))
        }
      },
    })
  })
}
