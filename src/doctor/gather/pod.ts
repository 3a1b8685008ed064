import { messageOf } from '../../base/errors.ts'
import { hostPort } from '../../base/address.ts'
import type { DiallingSocket } from '../../kernel/sockdiag/waiting.ts'
import type { ContainerFact, DiallingFact, PodFacts, SocketFact } from '../facts.ts'
import type { PodHere } from './environment.ts'
import type { NetworkRead } from './network.ts'
import { namespaceOf, type SocketOwner } from './owners.ts'

/** Characters of what a container printed last. */
const mostWords = 2000

/** A pod, and what its namespace told; `undefined` for one with the machine's. */
export interface PodRead {
  readonly here: PodHere
  /** Of its network namespace. */
  readonly inode: number
  readonly network: NetworkRead | undefined
}

type Container = { readonly pod?: string; readonly container: string }

/** Containers by their mount namespaces, which all processes of one share. `named`: with the pod that each is of. */
export function containersOf(pods: readonly PodHere[], named: boolean): Map<number, Container> {
  const found = new Map<number, Container>()
  for (const { pod, containers } of pods)
    for (const { name, pid } of containers) {
      const inode = pid === undefined ? undefined : namespaceOf(pid, 'mnt')
      if (inode !== undefined) found.set(inode, { ...(named && { pod }), container: name })
    }
  return found
}

/** `machine`: the machine's own sockets, for pods that have its network. */
export async function podFacts(
  { here, network }: PodRead,
  owners: ReadonlyMap<number, SocketOwner>,
  machine: readonly SocketFact[],
  unread: string[],
): Promise<PodFacts> {
  const { pod, uid, hostDevice } = here
  const resolvConf = readResolvConf(here, unread)
  const common = { pod, uid, containers: await containerFacts(here, unread), ...(resolvConf && { resolvConf }) }
  if (!network) {
    const sockets = machine.filter((socket) => socket.pod === pod)
    return { ...common, hostNetwork: true, links: [], routes: [], neighbours: [], sockets }
  }
  const containers = containersOf([here], false)
  return {
    ...common,
    ...(hostDevice !== undefined && { hostDevice }),
    links: network.links,
    routes: network.routes,
    neighbours: network.neighbours,
    sockets: withOwners(network.sockets, owners, containers),
    ...(network.dialling.length > 0 && {
      dialling: withOwners(network.dialling, owners, containers).map(diallingFact),
    }),
    ...(network.untold && { untold: network.untold }),
  }
}

function diallingFact({ from, fromPort, to, toPort, ...owner }: Owned<DiallingSocket>): DiallingFact {
  return { from: hostPort(from, fromPort), to, port: toPort, ...owner }
}

/** A socket, and whose it is where that can be seen; its inode means nothing elsewhere. */
type Owned<T> = Omit<T, 'inode'> & Partial<Pick<SocketOwner, 'pid' | 'process'>> & Partial<Container>

export function withOwners<T extends { readonly inode: number }>(
  sockets: readonly T[],
  owners: ReadonlyMap<number, SocketOwner>,
  containers: ReadonlyMap<number, Container>,
): Owned<T>[] {
  return sockets.map(({ inode, ...socket }) => {
    const owner = owners.get(inode)
    if (!owner) return socket
    return { ...socket, pid: owner.pid, process: owner.process, ...containers.get(owner.mounts) }
  })
}

async function containerFacts(here: PodHere, unread: string[]): Promise<ContainerFact[]> {
  const facts: ContainerFact[] = []
  for (const { name, pid } of here.containers) {
    if (pid !== undefined) facts.push({ name, pid })
    else {
      const lastWords = await readWords(here, name, unread)
      facts.push({ name, ...(lastWords !== undefined && lastWords !== '' && { lastWords }) })
    }
  }
  return facts
}

async function readWords(here: PodHere, container: string, unread: string[]): Promise<string | undefined> {
  try {
    return (await here.lastWords(container)).slice(-mostWords)
  } catch (error) {
    unread.push(`the log of pod ${here.pod}, container ${container}: ${messageOf(error)}`)
    return undefined
  }
}

function readResolvConf(here: PodHere, unread: string[]): string | undefined {
  try {
    return here.resolvConf()
  } catch (error) {
    unread.push(`resolv.conf of pod ${here.pod}: ${messageOf(error)}`)
    return undefined
  }
}
