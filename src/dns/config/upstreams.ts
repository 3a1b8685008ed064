import { parseAddress } from '../../base/address.ts'
import { messageOf } from '../../base/errors.ts'
import { resolvConfLines } from '../../base/resolv-conf.ts'
import { type ForwardConfig, forwardDefaults, type StubConfig, type UpstreamConfig } from './config.ts'
import { type Kind, list, type Shape, shape } from './kind.ts'
import { choice, domain, flag, milliseconds, number, printPlace, readDomain, readPlace } from './kinds.ts'
import type { Files, Spot } from './spot.ts'

const ports = { plain: 53, tls: 853 }
const one =
  'a name server, such as 9.9.9.9, 9.9.9.9:5353, "[2620:fe::fe]:53", tls://9.9.9.9#dns.quad9.net, or a file such as /etc/resolv.conf'
const allowed = `a list, each ${one}`

/** A list of name servers; a file stands for those that it names. */
const upstreams: Kind<readonly UpstreamConfig[]> = {
  allowed,
  read(spot) {
    const items = spot.items ?? (spot.text === undefined ? undefined : [spot])
    if (!items || items.length === 0) return spot.refuse(allowed)
    return items.flatMap((item) => readUpstreams(item))
  },
  print: (all) => all.map(printUpstream),
}

function readUpstreams(spot: Spot): readonly UpstreamConfig[] {
  const text = spot.text ?? ''
  if (text.startsWith('/')) return upstreamsIn(text, spot.files, (say) => spot.wrong(say))
  const upstream = readUpstream(text)
  if (!upstream) spot.refuse(one)
  return upstream ? [upstream] : []
}

/** One name server as text; undefined: none. TLS needs the name that the certificate has to bear. */
export function readUpstream(text: string): UpstreamConfig | undefined {
  const [, tls, where = '', , name] = /^(tls:\/\/)?([^#]+)(#(.+))?$/.exec(text) ?? []
  const found = readPlace(where)
  const serverName = name === undefined ? undefined : readDomain(name)
  if (!found || (tls === undefined) !== (name === undefined)) return undefined
  if (name === undefined) return { address: found.address, port: found.port ?? ports.plain }
  return serverName === undefined
    ? undefined
    : { address: found.address, port: found.port ?? ports.tls, tls: { serverName } }
}

/** The name servers that a resolv.conf(5) names; where there are none, `wrong` is told why. */
export function upstreamsIn(path: string, files: Files, wrong: (say: string) => void): readonly UpstreamConfig[] {
  let text: string
  try {
    text = files.read(path)
  } catch (error) {
    wrong(`${path} cannot be read: ${messageOf(error)}`)
    return []
  }
  const found = nameservers(text)
  // Not above: `wrong` may throw.
  if (found.length === 0) wrong(`${path} names no name server; a line such as "nameserver 9.9.9.9" is looked for`)
  return found
}

/** The name servers of a resolv.conf(5). */
function nameservers(text: string): readonly UpstreamConfig[] {
  return resolvConfLines(text).flatMap(([keyword, word = '']) => {
    const address = keyword === 'nameserver' ? parseAddress(word) : undefined
    return address === undefined ? [] : [{ address, port: ports.plain }]
  })
}

function printUpstream({ address, port, tls }: UpstreamConfig): string {
  return tls ? `tls://${printPlace({ address, port })}#${tls.serverName}` : printPlace({ address, port })
}

export const forwardShape: Shape<ForwardConfig> = shape<ForwardConfig>(forwardDefaults, {
  to: {
    kind: upstreams,
    needed: true,
    means:
      'The name servers. A file stands for those that its `nameserver` lines name when the configuration is read; `tls://ADDRESS#NAME` asks over TLS and checks that the certificate is that of NAME.',
  },
  policy: {
    kind: choice('random', 'round_robin', 'sequential'),
    means: 'Who is asked first: any, each in its turn, or the first in the list that is well.',
  },
  timeout: {
    kind: milliseconds('2s', '10ms', '1m'),
    means: 'How long one name server has for one question, before the next one is asked.',
  },
  healthInterval: { kind: milliseconds('500ms', '10ms', '1h'), means: 'How often one that failed is looked at again.' },
  maxFails: {
    kind: number(0, 1_000_000),
    means: 'After so many failures in a row it is asked only when all others are ill too; 0: never.',
  },
  maxConcurrent: { kind: number(1, 1_000_000), means: 'Questions under way at once; more get SERVFAIL at once.' },
  except: { kind: list(domain), means: 'Names under these are not asked there.' },
  forceTcp: { kind: flag, means: 'Asks over TCP at once.' },
})

/** The list of name servers alone may stand for the map. */
export const forward: Kind<ForwardConfig> = {
  allowed: `${allowed}, or a map of ${Object.keys(forwardShape.options).join(', ')}`,
  read(spot) {
    if (spot.fields) return forwardShape.read(spot)
    const to = upstreams.read(spot)
    return to && { ...forwardDefaults, to }
  },
  print: (value) => forwardShape.print(value),
}

/** By domain. */
export const stubs: Kind<readonly StubConfig[]> = {
  allowed: 'a map from domains to name servers, such as corp.example: [10.1.0.53]',
  read(spot) {
    const { fields } = spot
    if (!fields) return spot.refuse(stubs.allowed)
    const found: StubConfig[] = []
    for (const { name, spot: at } of fields) {
      const value = readDomain(name)
      if (value === undefined) at.wrong(`"${name}" is given; allowed is ${domain.allowed}`)
      else if (found.some((one) => one.domain === value)) at.wrong(`"${name}" is given twice; allowed is once`)
      const config = forward.read(at)
      if (value !== undefined && config) found.push({ domain: value, forward: config })
    }
    return found
  },
  print: (all) => new Map(all.map(({ domain, forward: config }) => [domain, forward.print(config)])),
}
