import { setImmediate } from 'node:timers/promises'
import { messageOf } from '../../base/errors.ts'
import { openNetns } from '../../kernel/netns.ts'
import type { MachineFacts } from '../facts.ts'
import { readConnections } from './connections.ts'
import { readDrops } from './drops.ts'
import type { FactsEnvironment, PodHere } from './environment.ts'
import { type NetworkRead, readNetwork } from './network.ts'
import { inodeOf, ownersOf } from './owners.ts'
import { containersOf, type PodRead, podFacts, withOwners } from './pod.ts'
import { readSysctls } from './sysctls.ts'

/** More than a node has; facts of so many are 2 MB. */
const mostPods = 512

/**
 * What the kernel of a machine says now. Read-only. Pods are read one in each turn of the event loop, so that whoever else lives in this
 * process goes on; what cannot be read is told in `unread`, and the rest stays.
 */
export async function gatherMachine(environment: FactsEnvironment): Promise<MachineFacts> {
  const { node, kind, ns, services } = environment
  const at = Date.now()
  const machine = readNetwork(ns)
  const unread = [...machine.unread]
  const cards = machine.links.filter(({ bridge, name }) => bridge === undefined && name !== 'lo')
  const sysctls = readSysctls(
    ns,
    cards.map(({ name }) => name),
  )
  const connections = await attempt(unread, 'the connection table', () => readConnections(ns, services))
  const drops = (await attempt(unread, 'drop counters', async () => readDrops(ns))) ?? []

  const home = inodeOf(ns === undefined ? '/proc/thread-self/ns/net' : `/proc/self/fd/${ns.fd}`) ?? 0
  const pods = await readPods(environment.pods(), home, unread)
  const places = new Set([home, ...pods.map(({ inode }) => inode)])
  const sockets = new Set(
    [machine, ...pods.flatMap(({ network }) => network ?? [])].flatMap(({ sockets, dialling }) => [
      ...sockets,
      ...dialling,
    ]),
  )
  const owners = await ownersOf(new Set([...sockets].map(({ inode }) => inode)), places)

  const here = pods.filter(({ network }) => network === undefined).map(({ here }) => here)
  const own = withOwners(machine.sockets, owners, containersOf(here, true))
  const facts = []
  for (const pod of pods) facts.push(await podFacts(pod, owners, own, unread))
  const cables = new Map(pods.map(({ here }) => [here.hostDevice, here.pod]))
  return {
    node,
    kind,
    at,
    sysctls,
    links: machine.links.map((link) => {
      const pod = cables.get(link.name)
      return pod === undefined ? link : { ...link, pod }
    }),
    routes: machine.routes,
    neighbours: machine.neighbours,
    forwarding: machine.forwarding,
    sockets: own,
    ...(machine.untold && { untold: machine.untold }),
    connections: connections ?? { count: 0, groups: [], truncated: true },
    drops,
    pods: facts,
    unread,
  }
}

/** `home`: the machine's namespace. A pod with hostNetwork is in it too, and needs no reading. */
async function readPods(all: readonly PodHere[], home: number, unread: string[]): Promise<PodRead[]> {
  if (all.length > mostPods) unread.push(`${all.length - mostPods} of ${all.length} pods are left out`)
  const read: PodRead[] = []
  for (const here of all.slice(0, mostPods)) {
    // Pods come and go while others are read: of one that has gone nothing is missing.
    const inode = inodeOf(here.netns)
    if (inode === undefined) continue
    if (inode === home) read.push({ here, inode, network: undefined })
    else {
      const network = await attempt(unread, `pod ${here.pod}`, async () => readOne(here))
      if (network) read.push({ here, inode, network })
      unread.push(...(network?.unread ?? []).map((say) => `pod ${here.pod}: ${say}`))
      await setImmediate()
    }
  }
  return read
}

function readOne(here: PodHere): NetworkRead {
  using ns = openNetns(here.netns)
  return readNetwork(ns)
}

async function attempt<T>(unread: string[], what: string, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    unread.push(`${what}: ${messageOf(error)}`)
    return undefined
  }
}
