import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { podKey } from '../cluster/cluster.ts'
import { usage } from './object-name.ts'
import { type Target, transportOf } from './target.ts'

// The port that a request is for: a number, a port's name where the object has names for them, or the only one of its protocol.

export function podPort(pod: Pod, target: Target): number {
  const ports = pod.spec.containers.flatMap((container) => container.ports ?? [])
  return portAmong(
    target,
    ports.map(({ containerPort, ...one }) => ({ ...one, number: containerPort })),
    `pod ${podKey(pod)}`,
    `pod/${pod.metadata.name}:8080`,
  )
}

export function servicePort(service: Service, target: Target): number {
  return portAmong(
    target,
    (service.spec.ports ?? []).map((one) => ({ ...one, number: one.port })),
    `service ${service.metadata.name}`,
    `svc/${service.metadata.name}:80`,
  )
}

/** Where nothing has names for ports, and none is the only one. */
export function plainPort(target: Target, example: string): number {
  if (target.protocol === 'icmp') return 0
  if (typeof target.port === 'number') return target.port
  const say =
    target.port === undefined
      ? 'the port is missing'
      : `"${target.port}" is a port’s name; nothing here has names for its ports`
  throw wrongPort(target, say, [], example)
}

interface NamedPort {
  readonly name?: string
  readonly number: number
  readonly protocol?: string
}

function portAmong(target: Target, ports: readonly NamedPort[], whose: string, example: string): number {
  if (target.protocol === 'icmp') return 0
  const wanted = target.port
  if (typeof wanted === 'number') return wanted
  if (wanted !== undefined) {
    const found = ports.find(({ name }) => name === wanted)
    if (found) return found.number
    const names = ports.map(({ name, number }) => name ?? String(number))
    throw wrongPort(target, `${whose} has no port named "${wanted}"`, names)
  }
  const protocol = transportOf(target.protocol).toUpperCase()
  const fitting = ports.filter((one) => (one.protocol ?? 'TCP') === protocol)
  if (fitting.length === 1 && fitting[0]) return fitting[0].number
  throw wrongPort(
    target,
    'the port is missing',
    fitting.map(({ number }) => String(number)),
    example,
  )
}

function wrongPort(target: Target, say: string, choices: readonly string[], example?: string): Error {
  const which = choices.length > 0 ? `; there is ${[...new Set(choices)].join(', ')}` : ''
  return usage(`"${target.text}": ${say}${which}${example === undefined ? '' : ` (write, for example, ${example})`}`)
}
