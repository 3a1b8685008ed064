import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Client, New } from '../../src/api/client/client.ts'
import { localClient } from '../../src/api/client/local.ts'
import type { Container, Pod, PodSpec } from '../../src/api/objects/pod.ts'
import type { Event } from '../../src/api/objects/simple.ts'
import { bootstrap } from '../../src/api/registry/bootstrap.ts'
import { Registry } from '../../src/api/registry/registry.ts'
import { openSqlite } from '../../src/api/store/sqlite.ts'
import { Store } from '../../src/api/store/store.ts'
import { address, cidr } from '../../src/base/address.ts'
import { makeLog } from '../../src/base/log.ts'
import { openPodNetwork, type PodNetwork } from '../../src/cni/network.ts'
import { findPlace } from '../../src/kernel/cgroup/groups.ts'
import { declare } from '../../src/kernel/libc.ts'
import { createNetns } from '../../src/kernel/netns.ts'
import { startedAt } from '../../src/kernel/process.ts'
import { setLink } from '../../src/kernel/rtnetlink/link.ts'
import { openRouteSocket } from '../../src/kernel/rtnetlink/socket.ts'
import type { HostImageOptions } from '../../src/pod/root/host-image.ts'
import type { GroupsPlace } from '../../src/pod/resources/groups.ts'
import { type Pods, type PodsOptions, startPods } from '../../src/pod/pods.ts'

const log = makeLog('test', process.env['KUBEHOP_LOG'] ?? 'silent')
const patience = 20_000

/** Takes this process's main thread into a network namespace of its own, for good: probes and pods start from here, as in an agent. */
export function leaveForOwnNetwork(): void {
  const ns = createNetns()
  declare<[number, number]>('int setns(int, int)')('enter a network namespace', ns.fd, 0x40000000)
  using socket = openRouteSocket()
  const lo = socket.links().find((link) => link.name === 'lo')
  if (lo) socket.apply(setLink(lo.index, { up: true }))
  ns.close()
}

/** Containers find this Node as `node` wherever it lies here: below /tmp, for example, they would not see it. */
export const nodeInside = '/kubehop/node'
function withNode(host: HostImageOptions = {}): HostImageOptions {
  return {
    ...host,
    mounts: [...(host.mounts ?? []), { from: join(process.execPath, '..'), to: nodeInside }],
    path: [...(host.path ?? []), nodeInside],
  }
}

/** Where control groups of tests are: whoever started the tests removes what is left of them. */
export function testPlace(name: string): GroupsPlace {
  return findPlace(join(process.env['KUBEHOP_TEST_GROUPS'] ?? '', name))
}

/** One node with an API of its own and everything real: namespaces, cables, processes, files. */
export class Node implements AsyncDisposable {
  readonly dir: string
  readonly client: Client
  pods: Pods
  readonly network: PodNetwork
  /** Of those that are issued from now on: how long they are good, and what they end in. */
  tokens: { lifeMs: number; mark: string } = { lifeMs: 3_600_000, mark: '' }
  readonly #options: Partial<PodsOptions>
  readonly #removes: boolean
  readonly #groups: GroupsPlace

  constructor(dir: string, registry: Registry, options: Partial<PodsOptions>, removes: boolean) {
    this.dir = dir
    this.#options = options
    this.#removes = removes
    this.#groups = testPlace(basename(dir))
    this.client = localClient({
      registry,
      log,
      issueToken: async (account, namespace, pod, { audiences = [] } = {}) => ({
        token: `token of ${namespace}/${account} for ${[pod?.name ?? '', ...audiences].join(' to ')}${this.tokens.mark}`,
        expires: new Date(Date.now() + this.tokens.lifeMs).toISOString(),
      }),
    })
    this.network = openPodNetwork({ podCidr: cidr('100.96.1.0/24'), stateDir: join(dir, 'network'), log })
    this.pods = this.start()
  }

  start(): Pods {
    this.pods = startPods({
      client: this.client,
      nodeName: 'node1',
      hostIP: address('192.168.50.11'),
      network: this.network,
      stateDir: join(this.dir, 'pods'),
      clusterDns: [address('100.64.0.10')],
      zone: 'cluster.local',
      backoff: { firstMs: 200, maxMs: 1000 },
      groups: this.#groups,
      nodeResolvConf: 'nameserver 192.0.2.1\n',
      log,
      ...this.#options,
      images: { ...this.#options.images, host: withNode(this.#options.images?.host) },
    })
    return this.pods
  }

  /** Makes a pod of one container `c`, unless `spec` says otherwise. */
  async run(name: string, container: Partial<Container>, spec: Partial<PodSpec> = {}): Promise<Pod> {
    const pod: New<Pod> = {
      metadata: { name, namespace: 'default', labels: { app: name } },
      spec: {
        nodeName: 'node1',
        terminationGracePeriodSeconds: 1,
        containers: [{ name: 'c', image: 'host', ...container }],
        ...spec,
      },
    }
    return this.client.create('Pod', pod)
  }

  /** Resolves with the pod as soon as it is so; undefined stands for a pod that is not there. */
  async until(name: string, what: string, holds: (pod: Pod | undefined) => boolean): Promise<Pod | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Pod | undefined>()
    const follower = this.client.follow('Pod', {
      // Each change by itself: two that come together are still two.
      onChange: ({ type, object }) => {
        if (object.metadata.name === name) look(type === 'deleted' ? undefined : object)
      },
      onBatch: () => look(follower.get(`default/${name}`)),
    })
    function look(pod: Pod | undefined): void {
      if (holds(pod)) resolve(pod)
    }
    const timer = setTimeout(() => {
      const status = JSON.stringify(follower.get(`default/${name}`)?.status, undefined, 1)
      void this.events(name).then((events) =>
        reject(new Error(`${name} is not ${what} after ${patience} ms:\n${status}\n${events.join('\n')}`)),
      )
    }, patience)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      follower.close()
    }
  }

  async ready(name: string): Promise<Pod> {
    const pod = await this.until(name, 'ready', (one) => condition(one, 'Ready') === 'True')
    if (!pod) throw new Error('unreachable')
    return pod
  }

  /** Until all containers have ended for good; what `c` printed. */
  async output(name: string): Promise<string> {
    await this.until(name, 'over', (pod) => ['Succeeded', 'Failed'].includes(pod?.status?.phase ?? ''))
    return this.logs(name)
  }

  /** Runs a command to its end as a pod and returns what it printed. */
  async sh(
    name: string,
    script: string,
    container: Partial<Container> = {},
    spec: Partial<PodSpec> = {},
  ): Promise<string> {
    await this.run(name, { command: ['sh', '-c', script], ...container }, { restartPolicy: 'Never', ...spec })
    return this.output(name)
  }

  async logs(name: string, container = 'c', options: Parameters<Pods['logs']>[3] = {}): Promise<string> {
    return (await this.pods.logs('default', name, container, options).toArray()).map(String).join('')
  }

  async exec(name: string, command: string[], container = 'c'): Promise<{ code: number; out: string; err: string }> {
    const execution = await this.pods.exec('default', name, container, { command })
    let [out, err] = ['', '']
    execution.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    execution.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()))
    return { code: await execution.exit, out, err }
  }

  async delete(name: string, gracePeriodSeconds = 0): Promise<void> {
    const uid = (await this.client.get('Pod', name, 'default'))?.metadata.uid ?? ''
    await this.client.delete('Pod', name, 'default', { gracePeriodSeconds })
    await this.until(name, 'gone', (pod) => pod === undefined)
    // With a grace of 0 the API forgets the pod before the node has ended it.
    while (existsSync(join(this.dir, 'pods', 'pods', uid))) await new Promise((resolve) => setTimeout(resolve, 5))
  }

  /** `Warning BackOff: message`, in order. */
  async events(name: string): Promise<string[]> {
    const { items } = await this.client.list('Event', { namespace: 'default' })
    return items.filter(({ involvedObject }) => involvedObject.name === name).map(textOf)
  }

  /** Resolves with the first event of a pod that is so, as `events` shows it, and is or becomes as frequent. */
  async event(name: string, is: (event: string) => boolean, count = 1): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const follower = this.client.follow('Event', {
      namespace: 'default',
      onChange: ({ type, object }) => {
        if (type === 'deleted' || object.involvedObject.name !== name || (object.count ?? 1) < count) return
        const text = textOf(object)
        if (is(text)) resolve(text)
      },
    })
    const timer = setTimeout(() => {
      const late = (events: string[]): void =>
        reject(new Error(`${name} does not have that event ${count} times after ${patience} ms:\n${events.join('\n')}`))
      void this.events(name).then(late, reject)
    }, patience)
    try {
      return await promise
    } finally {
      clearTimeout(timer)
      follower.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pods.stopAll()
    this.client.close()
    this.network.close()
    if (this.#removes) rmSync(this.dir, { recursive: true })
  }
}

export async function makeNode(options: Partial<PodsOptions> = {}): Promise<Node> {
  const registry = new Registry({ store: new Store(), serviceCidr: '100.64.0.0/13' })
  bootstrap(registry)
  const node = new Node(mkdtempSync(join(tmpdir(), 'kubehop-pod-')), registry, options, true)
  await authority(node.client)
  return node
}

/** A node whose objects lie in a file: a second process can go on with it. */
export async function openNode(dir: string, options: Partial<PodsOptions> = {}): Promise<Node> {
  const persistence = await openSqlite(join(dir, 'objects'))
  const registry = new Registry({ store: new Store({ persistence }), serviceCidr: '100.64.0.0/13' })
  bootstrap(registry)
  const node = new Node(dir, registry, options, false)
  await authority(node.client)
  return node
}

const textOf = ({ type, reason, message }: Event): string => `${type ?? ''} ${reason ?? ''}: ${message ?? ''}`

async function authority(client: Client): Promise<void> {
  const name = 'kube-root-ca.crt'
  if (await client.get('ConfigMap', name, 'default')) return
  await client.create('ConfigMap', { metadata: { name, namespace: 'default' }, data: { 'ca.crt': 'an authority' } })
}

export function condition(pod: Pod | undefined, type: string): string | undefined {
  return pod?.status?.conditions?.find((one) => one.type === type)?.status
}

/** Numbers of the processes with these arguments, as seen from outside. */
export function called(...args: string[]): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `${args.join('\0')}\0`
      } catch {
        return false // no process, or it ended meanwhile
      }
    })
}

/** Kills a process, and returns when it has ended and nobody in this process has heard of it yet: no event is handed out meanwhile. */
export function killUnheard(pid: number): void {
  process.kill(pid, 'SIGKILL')
  let alive = true
  while (alive) alive = startedAt(pid) !== undefined
}

/** Resolves when the processes have ended; they are not ours, so nobody tells. */
export async function ended(pids: readonly number[]): Promise<void> {
  while (pids.some((pid) => startedAt(pid) !== undefined)) await new Promise((resolve) => setTimeout(resolve, 5))
}
