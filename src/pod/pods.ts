import { mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Client } from '../api/client/client.ts'
import type { Pod } from '../api/objects/pod.ts'
import type { Address } from '../base/address.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { PodNetwork } from '../cni/network.ts'
import { type BackoffSettings, usualBackoff } from './backoff.ts'
import type { NodeContext } from './context.ts'
import { Endpoints } from './endpoints.ts'
import { readIdMap } from './container/identity.ts'
import { NodeImages } from './image/images.ts'
import { hostImage, type HostImageOptions } from './root/host-image.ts'
import { removeLeftover, removeUnrecorded } from './leftovers.ts'
import { overlayTrial } from './root/overlay.ts'
import { idOf, startingIn } from './paths.ts'
import { PodLife } from './pod-life.ts'
import { knownOf, type PodProcess, processOf } from './processes.ts'
import { type PodRecord, readRecords } from './record.ts'
import { podRequests, type PodRequests } from './requests.ts'
import { type GroupsPlace, PodGroups } from './resources/groups.ts'
import { endStrays, endStrayShims } from './strays.ts'
import { Objects } from './volumes/objects.ts'

export interface PodsOptions {
  client: Client
  nodeName: string
  hostIP: Address
  network: PodNetwork
  /** Records, volumes, logs; survives the agent. Containers cannot see it. */
  stateDir: string
  clusterDns: readonly Address[]
  /** The cluster's domain: `cluster.local`. */
  zone: string
  /** `stores`: folders of images, the first before the others; what is fetched goes to the first. */
  images?: { host?: HostImageOptions; stores?: readonly string[] }
  /** Where control groups for pods can be made; without it pods have no limits. */
  groups?: GroupsPlace
  /** How many processes and threads a pod may have (kubelet's podPidsLimit). */
  podPids?: number
  backoff?: Partial<BackoffSettings>
  /** This machine's resolv.conf; default: /etc/resolv.conf. */
  nodeResolvConf?: string
  log: Log
}

export interface Pods extends PodRequests {
  /** Fulfilled when the pods of before have been taken over and the first list has been seen. */
  readonly synced: Promise<void>
  list(): PodProcess[]
  /** Ends the agent's part; pods go on, and the next agent takes them over. */
  close(): Promise<void>
  /** Ends all pods at once and removes what they had here; the API hears nothing of it. */
  stopAll(): Promise<void>
}

/** The pods of one node: follows those that are bound to it, runs them, and tells how they are. */
export function startPods(options: PodsOptions): Pods {
  mkdirSync(options.stateDir, { recursive: true, mode: 0o700 })
  const stateDir = realpathSync(options.stateDir)
  const { client, log, network } = options
  const objects = new Objects(client)
  const endpoints = new Endpoints(client)
  const services = client.follow('Service')
  const host = options.images?.host ?? {}
  const adopted = Promise.withResolvers<void>()
  const context: NodeContext = {
    client,
    log,
    network,
    objects,
    endpoints,
    groups: new PodGroups(options.groups, options.nodeName, log, options.podPids),
    stateDir,
    nodeName: options.nodeName,
    hostIP: options.hostIP,
    clusterDns: options.clusterDns,
    zone: options.zone,
    nodeResolvConf: options.nodeResolvConf ?? readResolvConf(),
    image: hostImage({ ...host, mask: [stateDir, ...(host.mask ?? [])] }),
    images: new NodeImages(options.images?.stores ?? [], client, log),
    ids: readIdMap(),
    backoff: { ...usualBackoff, ...options.backoff },
    servicesSynced: services.synced,
    services: () => services.list(),
    adopted: adopted.promise,
    overlayAt: overlayTrial(stateDir, log),
  }
  const lives = new Map<string, PodLife>()
  const records = new Map(readRecords(stateDir, log).map((record) => [record.uid, record]))
  const noted = shimsOf(records.values())

  removeStrays(network, records.values())

  const gone = (life: PodLife): void => void lives.delete(life.id.uid)
  const begin = (pod: Pod): void => {
    const { uid } = idOf(pod)
    const record = records.get(uid)
    records.delete(uid)
    try {
      lives.set(uid, new PodLife(context, pod, record, gone))
    } catch (error) {
      log.error({ pod: pod.metadata.name, error: messageOf(error) }, 'a pod cannot be taken in')
    }
  }
  const follower = client.follow('Pod', {
    fieldSelector: `spec.nodeName=${options.nodeName}`,
    onChange({ type, object: pod }) {
      const { uid, namespace, name } = idOf(pod)
      const life = lives.get(uid)
      if (type === 'deleted') return life?.vanish()
      // The one before it of the same name went while we did not look.
      for (const other of lives.values())
        if (other.id.name === name && other.id.namespace === namespace && other.id.uid !== uid) other.vanish()
      if (life) life.update(pod)
      else begin(pod)
    },
  })
  const synced = follower.synced.then(async () => {
    endStrays([...lives.values()].flatMap(knownOf), startingIn(stateDir), log)
    endStrayShims(noted, stateDir, log)
    adopted.resolve()
    const here = new Set([...lives.keys(), ...records.keys()])
    removeUnrecorded(stateDir, here, log)
    await context.groups.sweep(here)
    const rest = [...records.values()]
    records.clear()
    await Promise.all(
      rest.map((record) =>
        removeLeftover(context, record).catch((error: unknown) =>
          log.error({ pod: record.name, error: messageOf(error) }, 'what is left of a pod could not be removed'),
        ),
      ),
    )
  })

  return {
    synced,
    ...podRequests(lives, options.nodeName, stateDir),
    list: () => [...lives.values()].flatMap(processOf),
    async close() {
      follower.close()
      services.close()
      adopted.resolve()
      await Promise.all([...lives.values()].map((life) => life.close()))
      lives.clear()
      objects.close()
      endpoints.close()
    },
    async stopAll() {
      adopted.resolve()
      follower.close()
      await Promise.all([...lives.values()].map((life) => life.stopNow()))
      lives.clear()
      services.close()
      objects.close()
      endpoints.close()
      await context.groups.removeAll()
      rmSync(join(stateDir, 'logs'), { recursive: true, force: true })
    },
  }
}

/** Cables of sandboxes that no record tells of: an agent died between making one and writing it down. */
function removeStrays(network: PodNetwork, records: Iterable<PodRecord>): void {
  const used = new Set([...records].map(({ sandbox }) => sandbox?.id))
  for (const { id } of network.list()) if (!used.has(id)) network.del(id)
}

function shimsOf(records: Iterable<PodRecord>): Set<number> {
  const runs = [...records].flatMap(({ containers }) => Object.values(containers).flatMap(({ run }) => run ?? []))
  return new Set(runs.map(({ shim }) => shim.pid))
}

function readResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8')
  } catch {
    return '' // a machine without one has no resolver to tell of
  }
}
