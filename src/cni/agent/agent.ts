import { KubehopError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import { openNftables } from '../../kernel/nftables/socket.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import { rememberLeases } from '../lease-memory.ts'
import { freeGone } from '../plugin/free-gone.ts'
import { inTurn } from '../plugin/leases.ts'
import type { Product } from '../product.ts'
import { openReaper } from '../reaper.ts'
import { lendable } from '../sockets.ts'
import { claimSocket } from './claim.ts'
import { greet } from './connection.ts'
import { openDoor } from './door.ts'
import { complain, openDesk } from './desk.ts'
import { whenFree } from './when-free.ts'

export interface AgentOptions {
  /** Path of the socket at which launchers ask. */
  readonly socket: string
  /** The networks' usual folder, whose addresses without an owner are freed at the start. */
  readonly dataDir: string
  /** Started for what the agent does not do itself. */
  readonly product: Product
  readonly log: Log
}

export interface Agent {
  /** Takes nobody any more, finishes what is under way, and removes the socket. */
  close(): Promise<void>
}

/** Does the plugin's work for launchers, each in its own network namespace. Throws when another agent is there. */
export async function startAgent({ socket: path, dataDir, product, log }: AgentOptions): Promise<Agent> {
  using stack = new DisposableStack()
  const claim = claimSocket(path)
  stack.defer(() => claim.release())
  const socket = stack.use(openRouteSocket())
  const reaper = stack.adopt(openReaper(socket, undefined, log), (one) => one.close())
  // What an agent before this one had cut and not yet deleted.
  reaper.finish()
  await free(dataDir, log)
  const nftables = stack.use(openNftables())
  stack.use(rememberLeases())
  const desk = openDesk({ reaper, sockets: lendable(nftables, socket), product, log })
  const listening = claim.listen()
  stack.defer(() => claim.leave())
  const door = openDoor(
    listening,
    (peer, left) =>
      greet(peer, {
        asked: (request, connection) => desk.serve(peer.pid, request, connection),
        refused(refusal, connection) {
          log.warn({ pid: peer.pid, ...refusal }, 'refused a request')
          complain(connection, refusal)
        },
        closed: left,
      }),
    log,
  )
  log.info({ socket: path }, 'answers')
  const held = stack.move()
  return {
    async close() {
      const empty = door.close()
      // Not later, so that a launcher that comes now need not wait.
      claim.leave()
      await empty
      reaper.finish()
      held.dispose()
    },
  }
}

/** What pods had that went while no agent was there. */
async function free(dataDir: string, log: Log): Promise<void> {
  const result = await whenFree(
    () => inTurn([dataDir], () => freeGone(dataDir)),
    () => false,
  )
  if ('taken' in result)
    throw new KubehopError('cni', 'start the agent', 'Busy', `another process keeps ${result.taken}: end it`)
  for (const { id, ifname, address } of result.done)
    log.info({ container: id, ifname, address }, 'freed an address that nobody has any more')
}
