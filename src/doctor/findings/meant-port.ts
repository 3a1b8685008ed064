import type { Service, ServicePort } from '../../api/objects/service.ts'
import type { Cluster } from '../../trace/cluster/cluster.ts'
import { directoryOf } from '../directory.ts'
import type { SocketFact } from '../facts.ts'
import type { View } from '../types.ts'
import { isLoopback, type Socket } from './listeners.ts'
import { servedPorts } from './served.ts'

/** Ports of pods that other ports of the service lead to, whatever their targetPort calls them: none of them is meant by this one. */
export function takenByOthers(view: View, service: Service, port: ServicePort): ReadonlySet<number> {
  const others = servedPorts(view).filter(
    (one) => one.service === service && one.port !== port && speaks(one.port) === speaks(port),
  )
  return new Set(
    others.flatMap(({ port: { targetPort, port: number }, endpoints }) => [
      ...(typeof targetPort === 'string' ? [] : [targetPort ?? number]),
      ...endpoints.map((one) => one.port),
    ]),
  )
}

/** The ports of pods that a port of a service leads to: targetPort as it is, or what its name means to each of them, by its slices. */
export function targetNumbers(cluster: Cluster, service: Service, port: ServicePort): readonly number[] {
  const { name = '', targetPort = port.port } = port
  if (typeof targetPort === 'number') return [targetPort]
  const told = directoryOf(cluster)
    .slices(service)
    .flatMap(({ ports }) => ports ?? [])
    .filter((one) => (one.name ?? '') === name && (one.protocol ?? 'TCP') === speaks(port))
  return [...new Set(told.flatMap((one) => one.port ?? []))]
}

/** Ports that could be meant: those of clients, which UDP cannot be told from servers', are not. */
export function otherPorts(waiting: readonly Socket[]): number[] {
  const ports = waiting.filter((one) => !isLoopback(one) && (one.protocol !== 'udp' || one.port < 32768))
  return [...new Set(ports.map(({ port }) => port))]
}

/** What is mistaken for this protocol, which is what a port has where nothing is written. */
export function otherProtocol(protocol: SocketFact['protocol']): 'tcp' | 'udp' | undefined {
  return protocol === 'tcp' ? 'udp' : protocol === 'udp' ? 'tcp' : undefined
}

/** The protocol that a port can have been meant to have: the other one, unless the service has that port by it as well. */
export function protocolMeant({ spec }: Service, port: ServicePort): 'TCP' | 'UDP' | undefined {
  const other = speaks(port) === 'TCP' ? 'UDP' : speaks(port) === 'UDP' ? 'TCP' : undefined
  if (other === undefined) return undefined
  const has = (spec.ports ?? []).some(
    (one) => speaks(one) === other && (one.port === port.port || targetOf(one) === targetOf(port)),
  )
  return has ? undefined : other
}

function targetOf({ targetPort, port }: ServicePort): number | string {
  return targetPort ?? port
}

function speaks({ protocol = 'TCP' }: ServicePort): string {
  return protocol
}
