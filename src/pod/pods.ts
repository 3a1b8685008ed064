import { mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex, Readable } from 'node:stream'
import type { Client } from '../api/client/client.ts'
import type { Pod } from '../api/objects/pod.ts'
import type { Address } from '../base/address.ts'
import { KubehopError, messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { PodNetwork } from '../cni/network.ts'
import { type BackoffSettings, usualBackoff } from './backoff.ts'
import type { Attachment } from './container/attach.ts'
import type { ContainerLife } from './container/life.ts'
import type { NodeContext } from './context.ts'
import type { ExecOptions, Execution } from './container/exec.ts'
import { Endpoints } from './endpoints.ts'
import { readIdMap } from './container/identity.ts'
import { NodeImages } from './image/images.ts'
import { hostImage, type HostImageOptions } from './root/host-image.ts'
import { removeLeftover } from './leftovers.ts'
import { type LogOptions, readLog } from './log/reader.ts'
import { filesOf } from './log/rotation.ts'
import { overlayTrial } from './root/overlay.ts'
import { idOf, podPaths, startingIn } from './paths.ts'
import { connectInPod } from './port-forward.ts'
import { PodLife } from './pod-life.ts'
import { type PodRecord, readRecords } from './record.ts'
import { type GroupsPlace, PodGroups } from './resources/groups.ts'
import { waitingReason } from './status.ts'
import { endStrays, type KnownPod } from './strays.ts'
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

export interface Pods {
  /** Fulfilled when the pods of before have been taken over and the first list has been seen. */
  readonly synced: Promise<void>
  /** What a container printed. Throws NotFound, or Invalid when it has not started. */
  logs(namespace: string, pod: string, container: string, options?: LogOptions): Readable
  exec(namespace: string, pod: string, container: string, options: ExecOptions): Promise<Execution>
  /** A container's own streams from now on. Throws NotFound, or Invalid when it does not run. */
  attach(namespace: string, pod: string, container: string, options?: { stdin?: boolean }): Attachment
  /** A connection to a port of the pod, made inside it. Rejects with NotFound, Invalid when the pod does not run, or Refused. */
  connect(namespace: string, pod: string, port: number): Promise<Duplex>
  /** `/proc/<pause>/ns/net`, or undefined when the pod has no sandbox here. */
  netnsOf(namespace: string, pod: string): string | undefined
  /** The text of a pod's own /etc/resolv.conf or /etc/hosts. */
  fileOf(namespace: string, pod: string, file: 'resolv.conf' | 'hosts'): string
  list(): PodProcess[]
  /** Ends the agent's part; pods go on, and the next agent takes them over. */
  close(): Promise<void>
  /** Ends all pods at once and removes what they had here; the API hears nothing of it. */
  stopAll(): Promise<void>
}

/** The log, of this or the last instance, that has this file; another one's beginning would be no continuation. */
function logWith(life: ContainerLife, ino: number): ReturnType<ContainerLife['log']> {
  return [life.log(false), life.log(true)].find((log) => log && filesOf(log.path).some((file) => file.ino === ino))
}

/** Where a pod is in this machine. */
export interface PodProcess {
  namespace: string
  name: string
  uid: string
  pausePid: number
  address: Address | undefined
  /** The node's end of its cable: `veth3`. */
  hostDevice: string | undefined
  containers: { name: string; pid: number | undefined }[]
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
    adopted.resolve()
    await context.groups.sweep(new Set([...lives.keys(), ...records.keys()]))
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

  const find = (namespace: string, name: string): PodLife => {
    const found = [...lives.values()].filter(({ id }) => id.namespace === namespace && id.name === name).at(-1)
    if (!found) throw notFound(`pod ${namespace}/${name} is not on node ${options.nodeName}`)
    return found
  }
  const containerOf = (namespace: string, name: string, container: string): ContainerLife => {
    const found = find(namespace, name).container(container)
    if (!found) throw notFound(`container ${container} is not valid for pod ${name}`)
    return found
  }
  const netnsOf = (namespace: string, name: string): string | undefined => {
    const { sandbox } = find(namespace, name)
    return sandbox && `/proc/${sandbox.pause.pid}/ns/net`
  }

  return {
    synced,
    logs(namespace, name, container, logOptions = {}) {
      const life = containerOf(namespace, name, container)
      const { resume } = logOptions
      const found = resume ? logWith(life, resume.from.ino) : life.log(logOptions.previous === true)
      if (found) return readLog(found.path, logOptions, found.writer)
      if (logOptions.previous === true)
        throw notFound(`previous terminated container "${container}" in pod "${name}" not found`)
      const why = waitingReason(find(namespace, name).pod, container, life.facts)
      throw new KubehopError(
        'pod',
        'logs',
        'Invalid',
        `container "${container}" in pod "${name}" is waiting to start: ${why}`,
      )
    },
    exec: (namespace, name, container, execOptions) => containerOf(namespace, name, container).exec(execOptions),
    attach: (namespace, name, container, { stdin = false } = {}) =>
      containerOf(namespace, name, container).attach(stdin),
    async connect(namespace, name, port) {
      const netns = netnsOf(namespace, name)
      if (netns === undefined) throw new KubehopError('pod', 'port-forward', 'Invalid', `pod ${name} is not running`)
      return connectInPod(netns, port)
    },
    netnsOf,
    fileOf: (namespace, name, file) =>
      readFileSync(join(podPaths(stateDir, find(namespace, name).id).etc, file), 'utf8'),
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

function knownOf(life: PodLife): KnownPod[] {
  return processOf(life).map(({ pausePid, containers }) => ({
    pausePid,
    containerPids: containers.flatMap(({ pid }) => pid ?? []),
  }))
}

function processOf(life: PodLife): PodProcess[] {
  const { sandbox, id } = life
  if (!sandbox) return []
  const containers = life.containers().map((one) => ({ name: one.spec.name, pid: one.init?.pid }))
  const { address, hostDevice, pause } = sandbox
  return [{ ...id, pausePid: pause.pid, address, hostDevice, containers }]
}

function readResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8')
  } catch {
    return '' // a machine without one has no resolver to tell of
  }
}

function notFound(say: string): KubehopError {
  return new KubehopError('pod', 'find', 'NotFound', say)
}
