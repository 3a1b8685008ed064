import { type Address, family } from '../../base/address.ts'
import type { DnsConfig, Place } from './config.ts'
import { printPlace } from './kinds.ts'

/** What does not go together, though each option for itself is right. */
export function check(config: DnsConfig): { path: string; say: string }[] {
  return [...places(config), ...domains(config)]
}

function* places(config: DnsConfig): Generator<{ path: string; say: string }> {
  if (config.listen.length === 0)
    yield { path: 'listen', say: 'nothing is given; allowed is at least one address and port, such as 0.0.0.0:53' }
  const all = [
    ...config.listen.map((at) => ['listen', at] as const),
    ...(['health', 'ready', 'metrics'] as const).map((name) => [name, config[name]] as const),
  ]
  const taken: (readonly [string, Place])[] = []
  for (const [path, at] of all) {
    if (!at || at.port === 0) continue
    const other = taken.find(([name, before]) => clash(before, at, name === 'listen' && path === 'listen'))
    if (other)
      yield {
        path,
        say: `${printPlace(at)} is given, but ${other[0]} has ${printPlace(other[1])} already; allowed is a free one`,
      }
    taken.push([path, at])
  }
}

/** Any address of a family takes all of them. That of IPv6 takes those of IPv4, too, but not where questions come in. */
function clash(a: Place, b: Place, questions: boolean): boolean {
  if (a.port !== b.port) return false
  const takes = (one: Address, other: Address): boolean =>
    one === other || (one === '::' && (!questions || family(other) === 6)) || (one === '0.0.0.0' && family(other) === 4)
  return takes(a.address, b.address) || takes(b.address, a.address)
}

function* domains(config: DnsConfig): Generator<{ path: string; say: string }> {
  for (const { domain } of config.stub)
    if (`.${domain}`.endsWith(`.${config.zone}`))
      yield {
        path: `stub.${domain}`,
        say: `"${domain}" is given; allowed is a domain outside ${config.zone}, whose names this server knows itself`,
      }
  for (const [at, { names }] of (config.hosts?.entries ?? []).entries())
    for (const name of names)
      if (`.${name}`.endsWith(`.${config.zone}`))
        yield {
          path: `hosts.entries[${at}]`,
          say: `"${name}" is given; allowed is a name outside ${config.zone}, whose names are those of the cluster's objects`,
        }
}
