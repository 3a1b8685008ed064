import type { Node } from '../api/objects/node.ts'
import type { Client } from '../api/client/client.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Netns } from '../kernel/netns.ts'
import { followNetwork, type News } from '../kernel/rtnetlink/follow.ts'
import { openRouteSocket, type RouteSocket } from '../kernel/rtnetlink/socket.ts'
import { balancedRoutes } from './balanced.ts'
import { type Balanced, followBalanced } from './follow-balanced.ts'
import { type Change, diffRoutes, RTPROT_KUBEHOP } from './diff.ts'
import { type RouteTable, routesOf } from './model.ts'

export interface Routes {
  /** Fulfilled once the routes of all nodes known at the start were handed to the kernel. */
  readonly synced: Promise<void>
  /** The table as it is wanted now, and the nodes that are left out. */
  table(): RouteTable
  /** Stops looking after the routes; they stay, so that a restart disturbs no packet. */
  close(): void
}

export interface RoutesOptions {
  client: Pick<Client, 'follow'>
  /** Where the route table is: the router's namespace, or a node's. The thread's own when left out. */
  ns?: Netns
  /** On a node (host gateway): its own range is on its own bridge and gets no route. */
  self?: string
  /** On the router: addresses of load balancers lead to a node that answers, too. */
  balanced?: boolean
  log: Log
}

/** Keeps one route per node for as long as it runs: follows the Node objects, and repairs what others remove. */
export function startRoutes({ client, ns, self, balanced = false, log }: RoutesOptions): Routes {
  const socket = openRouteSocket(ns)
  const nodes = new Map<string, Node>()
  const tell = teller(log)
  let table: RouteTable = { routes: [], skipped: [] }
  // Before the whole first list is known, a route that no node seems to have may only be early.
  let complete = false
  let balancers: Balanced | undefined
  const sync = (): void => {
    if (!complete) return
    try {
      tell.applied(...applyRoutes(socket, table))
    } catch (error) {
      // Nobody above a notification could catch it; the next one tries again.
      log.error({ error: messageOf(error) }, 'cannot read the routes')
    }
  }

  // Subscribed before the first look at the kernel: nothing that happens in between is missed.
  const stop = followNetwork({
    ...(ns && { ns }),
    kinds: ['route', 'link', 'address'],
    onNews: (news) => {
      if (news.some(mayTakeRoutes)) sync()
    },
    onLost: sync,
  })
  const follower = client.follow('Node', {
    onChange: ({ type, object }) => {
      if (type === 'deleted') nodes.delete(object.metadata.name)
      else nodes.set(object.metadata.name, object)
    },
    onBatch: change,
  })
  balancers = balanced ? followBalanced(client, change) : undefined
  const synced = Promise.all([follower.synced, balancers?.synced]).then(() => {
    complete = true
    sync()
  })
  return {
    synced,
    table: () => table,
    close: () => {
      stop()
      follower.close()
      balancers?.close()
      socket.close()
    },
  }

  function change(): void {
    const before = JSON.stringify(table)
    const all = [...nodes.values()]
    table = routesOf(all)
    if (self !== undefined) table = { ...table, routes: table.routes.filter((route) => route.node !== self) }
    if (balancers)
      table = {
        ...table,
        routes: [...table.routes, ...balancedRoutes(balancers.services(), all, balancers.slices(), table.routes)],
      }
    if (JSON.stringify(table) === before) return
    tell.skipped(table)
    sync()
  }
}

/** One look at the kernel and one system call for all that must change; each change with what became of it. */
export function applyRoutes(socket: RouteSocket, table: RouteTable): [Change[], (Error | undefined)[]] {
  const changes = diffRoutes(socket.routes({ protocol: RTPROT_KUBEHOP }), table.routes)
  const errors = socket.tryApply(changes.map((change) => change.request))
  // A route that went away by itself just before it was removed is no failure.
  return [changes, errors.map((error, i) => (error?.code === changes[i]?.request.already ? undefined : error))]
}

/** Is it worth a look? IPv4 routes vanish without a word of their own when their link goes down or loses its address. */
function mayTakeRoutes(news: News): boolean {
  if (news.kind === 'route') return news.gone && news.route.protocol === RTPROT_KUBEHOP
  return news.kind === 'address' || (news.kind === 'link' && news.link.master === undefined)
}

/** Logs what was done, and a failure or a left-out node once, not at every repetition. */
function teller(log: Log): {
  applied: (changes: Change[], errors: (Error | undefined)[]) => void
  skipped: (table: RouteTable) => void
} {
  let failed = new Map<string, string>()
  let left = new Map<string, string>()
  return {
    applied(changes, errors) {
      const failing = new Map<string, string>()
      for (const [index, { verb, route, node }] of changes.entries()) {
        const error = errors[index]?.message
        if (error === undefined) log.info({ node, route }, verb === 'set' ? 'set a route' : 'removed a route')
        else {
          failing.set(route, error)
          if (failed.get(route) !== error) log.error({ node, route, error }, 'cannot change a route')
        }
      }
      failed = failing
    },
    skipped({ skipped }) {
      const now = new Map(skipped.map((one) => [one.node, one.say]))
      for (const { node, reason, say } of skipped)
        if (left.get(node) !== say) log[reason === 'no-range' ? 'debug' : 'warn']({ node, reason }, `no route: ${say}`)
      left = now
    },
  }
}
