import { parseAddress } from '../../base/address.ts'
import type { HostPort } from '../host-ports.ts'
import { CniError } from './error.ts'
import { flag, list, nothingElse, number, object, objectOf, text, wrong } from './fields.ts'
import type { Fields } from './input.ts'

/** What a network or one of its pods asks for beyond cable and addresses. */
export interface Options {
  portMappings: PortMappings
}

/** Fields of the configuration, and of `runtimeConfig`, that are read here. */
export const optionKeys: readonly string[] = ['snat']
export const runtimeKeys: readonly string[] = ['portMappings']

/** `isGateway`: whether the node has a way to the pods. */
export function readOptions(fields: Fields, { isGateway }: { isGateway: boolean }): Options {
  return { portMappings: readPortMappings(fields, isGateway) }
}

/** The capability `portMappings`, and what the reference portmap plugin has beside it. */
export interface PortMappings {
  ports: readonly HostPort[]
  /** Reached from the node's 127.0.0.1 and from the pod itself, too. */
  snat: boolean
}

function readPortMappings(fields: Fields, isGateway: boolean): PortMappings {
  const runtime = object(fields, 'runtimeConfig')
  const ports = list(runtime, 'portMappings', 'runtimeConfig.portMappings').map((one, at) =>
    readPort(one, `runtimeConfig.portMappings[${at}]`),
  )
  if (ports.length > 0 && !isGateway)
    throw new CniError(
      'badConfig',
      'runtimeConfig.portMappings needs isGateway: without it the node has no way to its pods, and no port of it can lead there',
    )
  return { ports, snat: flag(fields, 'snat', true) }
}

const keys = ['hostPort', 'containerPort', 'protocol', 'hostIP'] as const

function readPort(value: unknown, where: string): HostPort {
  const fields = anyCase(objectOf(value, where), keys)
  nothingElse(fields, keys, `${where}.`)
  const port = (key: 'hostPort' | 'containerPort'): number => {
    const found = number(fields, key, { min: 1, max: 65535 }, `${where}.${key}`)
    if (found === undefined) throw wrong(`${where}.${key}`, found, 'a port')
    return found
  }
  const said = text(fields, 'protocol', `${where}.protocol`) ?? 'tcp'
  const protocol = (['TCP', 'UDP', 'SCTP'] as const).find((one) => one === said.toUpperCase())
  if (protocol === undefined) throw wrong(`${where}.protocol`, said, 'tcp, udp or sctp')
  const ip = text(fields, 'hostIP', `${where}.hostIP`)
  const hostIP = ip === undefined ? undefined : parseAddress(ip)
  if (ip !== undefined && hostIP === undefined) throw wrong(`${where}.hostIP`, ip, 'an IP address')
  return {
    hostPort: port('hostPort'),
    containerPort: port('containerPort'),
    protocol,
    ...(hostIP !== undefined && { hostIP }),
  }
}

/** Go reads keys in any case, and so containerd writes `HostPort`. */
function anyCase(fields: Fields, known: readonly string[]): Fields {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      known.find((one) => one.toLowerCase() === key.toLowerCase()) ?? key,
      value,
    ]),
  )
}
