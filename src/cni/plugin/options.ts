import { parseAddress } from '../../base/address.ts'
import type { Bandwidth, Rate } from '../bandwidth.ts'
import type { HostPort } from '../host-ports.ts'
import { type BridgeOptions, bridgeOptionKeys, readBridgeOptions } from './bridge-options.ts'
import { CniError } from './error.ts'
import { flag, list, nothingElse, number, object, objectOf, text, wrong } from './fields.ts'
import type { Fields } from './input.ts'

/** What a network or one of its pods asks for beyond cable and addresses. */
export interface Options extends BridgeOptions {
  portMappings: PortMappings
  bandwidth: Bandwidth
}

const bandwidthKeys = ['ingressRate', 'ingressBurst', 'egressRate', 'egressBurst'] as const

/** Fields of the configuration, and of `runtimeConfig`, that are read here. */
export const optionKeys: readonly string[] = ['snat', ...bandwidthKeys, ...bridgeOptionKeys]
export const runtimeKeys: readonly string[] = ['portMappings', 'bandwidth']

/** `isGateway`: whether the node has a way to the pods. */
export function readOptions(fields: Fields, { isGateway }: { isGateway: boolean }): Options {
  return {
    portMappings: readPortMappings(fields, isGateway),
    bandwidth: readBandwidth(fields),
    ...readBridgeOptions(fields),
  }
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

/** As the reference bandwidth plugin: what the configuration says itself comes before what the runtime says. */
function readBandwidth(fields: Fields): Bandwidth {
  const runtime = object(fields, 'runtimeConfig')
  const where = bandwidthKeys.some((key) => fields[key] !== undefined) ? '' : 'runtimeConfig.bandwidth.'
  const of = where === '' ? fields : anyCase(object(runtime, 'bandwidth', 'runtimeConfig.bandwidth'), bandwidthKeys)
  if (where !== '') nothingElse(of, bandwidthKeys, where)
  const [ingress, egress] = [readRate(of, 'ingress', where), readRate(of, 'egress', where)]
  return { ...(ingress !== undefined && { ingress }), ...(egress !== undefined && { egress }) }
}

/** 0 is no limit. The kernel counts a burst in 32 bits of bytes. */
function readRate(fields: Fields, direction: 'ingress' | 'egress', where: string): Rate | undefined {
  const read = (key: string, max: number): number | undefined =>
    fields[key] === 0 ? undefined : number(fields, key, { min: 8, max }, `${where}${key}`)
  const rate = read(`${direction}Rate`, Number.MAX_SAFE_INTEGER)
  const burst = read(`${direction}Burst`, 8 * 0xffffffff)
  if (rate !== undefined && burst !== undefined) return { rate, burst }
  if (rate === undefined && burst === undefined) return undefined
  throw new CniError('badConfig', `${where}${direction}Rate and ${where}${direction}Burst need each other`)
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
