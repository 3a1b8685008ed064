import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Address, address } from '../../base/address.ts'
import type { Log } from '../../base/log.ts'
import type { Netns } from '../../kernel/netns.ts'
import { answerCheck } from './check.ts'
import { openDoor } from './door.ts'
import { keepListening, type Listening } from './listen.ts'

export interface HealthCheckPortsOptions {
  readonly ns?: Netns | undefined
  /** Where to answer: those of nodePortAddresses; every address of the node when left out. */
  readonly addresses?: readonly Address[]
  /** Is the proxy itself well? Asked at each check. */
  readonly healthy: () => boolean
  /** Why nobody can ask about a service, as `namespace/name`; undefined once they can. */
  readonly onProblem: (service: string, say: string | undefined) => void
  readonly log: Log
}

export interface HealthCheckPorts {
  /** A service, as `namespace/name`, and its spec.healthCheckNodePort; undefined when it has none (any more). */
  set(service: string, port: number | undefined, localEndpoints: number): void
  /** The node's addresses are others now. */
  listenOn(addresses: readonly Address[]): void
  close(): void
}

interface Service {
  port: number
  localEndpoints: number
}

interface Port {
  /** Services that want it, in the order in which they came: the first one has it. */
  readonly wanted: Set<string>
  readonly listening: Map<Address, { readonly socket: Listening; problem: string | undefined }>
}

/** Load balancers ask every few seconds on a connection of its own. */
const limits = { most: 256, patience: 5_000 }

/**
 * Answers load balancers that ask whether this node has endpoints of a service with externalTrafficPolicy Local (pkg/proxy/healthcheck/service_health.go;
 * KEP-3836 for nodes that are about to go: they stay good for these services). One port for each service; a port that goes from one service to another within
 * one turn of the event loop is open all the time.
 */
export function serveHealthCheckPorts(options: HealthCheckPortsOptions): HealthCheckPorts {
  const { ns, healthy, onProblem, log } = options
  const services = new Map<string, Service>()
  const ports = new Map<number, Port>()
  const told = new Map<string, string>()
  const unsettled = new Set<number>()
  let addresses: readonly Address[] = options.addresses ?? [address('0.0.0.0')]
  let due: NodeJS.Immediate | undefined
  const door = openDoor(answer, limits)

  return {
    set(name, port, localEndpoints) {
      const known = services.get(name)
      if (known && known.port === port) {
        known.localEndpoints = localEndpoints
        return
      }
      if (known) {
        services.delete(name)
        ports.get(known.port)?.wanted.delete(name)
        settleSoon(known.port)
      }
      if (port === undefined) return tell(name, undefined)
      services.set(name, { port, localEndpoints })
      const taken = ports.get(port)
      if (taken) taken.wanted.add(name)
      else ports.set(port, { wanted: new Set([name]), listening: new Map() })
      settleSoon(port)
    },
    listenOn(now) {
      addresses = now
      for (const port of ports.keys()) settleSoon(port)
    },
    close() {
      clearImmediate(due)
      for (const { listening } of ports.values()) for (const { socket } of listening.values()) socket.close()
      ports.clear()
      services.clear()
      door.close()
    },
  }

  function settleSoon(port: number): void {
    unsettled.add(port)
    due ??= setImmediate(() => {
      due = undefined
      const all = [...unsettled]
      unsettled.clear()
      for (const each of all) settle(each)
    })
  }

  function settle(number: number): void {
    const port = ports.get(number)
    if (!port) return
    const unused = port.wanted.size === 0
    for (const [at, { socket }] of port.listening) {
      if (!unused && addresses.includes(at)) continue
      socket.close()
      port.listening.delete(at)
    }
    if (unused) {
      ports.delete(number)
      return
    }
    for (const at of addresses) if (!port.listening.has(at)) listen(number, port, at)
    report(number, port)
  }

  function listen(number: number, port: Port, at: Address): void {
    let problem: string | undefined
    const socket = keepListening({
      ns,
      address: at,
      port: number,
      take: (connection) => door.take(connection),
      onProblem(say) {
        problem = say
        const one = port.listening.get(at)
        if (!one) return
        one.problem = say
        report(number, port)
      },
    })
    port.listening.set(at, { socket, problem })
  }

  function report(number: number, { wanted, listening }: Port): void {
    const [owner, ...others] = wanted
    if (owner === undefined) return
    const problems = [...listening.values()].flatMap(({ problem }) => problem ?? [])
    tell(owner, problems.length === 0 ? undefined : `healthCheckNodePort ${number}: ${problems.join('; ')}`)
    for (const other of others)
      tell(other, `healthCheckNodePort ${number} belongs to service ${owner}: load balancers are told about that one`)
  }

  function tell(service: string, say: string | undefined): void {
    if (told.get(service) === say) return
    if (say === undefined) told.delete(service)
    else told.set(service, say)
    log.debug({ service, say }, 'health check port')
    onProblem(service, say)
  }

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const [owner] = ports.get(request.socket.localPort ?? 0)?.wanted ?? []
    const service = owner === undefined ? undefined : services.get(owner)
    // The port is about to close.
    if (owner === undefined || service === undefined) response.writeHead(503).end()
    else answerCheck(response, { service: owner, localEndpoints: service.localEndpoints, healthy: healthy() })
  }
}
