import type { ForwardConfig, UpstreamConfig } from '../config.ts'
import { readDomain } from '../kinds.ts'
import { readUpstream, upstreamsIn } from '../upstreams.ts'
import { type Block, type Draft, newForward, within, zoneName } from './draft.ts'
import type { Directive } from './parse.ts'

type Making = ReturnType<typeof newForward>
type Property = (at: Directive, forward: Making, draft: Draft, path: string) => void

const note =
  (say: string): Property =>
  (at, _, draft, path) =>
    draft.note(at, path, say)
const refuse =
  (say: string): Property =>
  (at, _, draft, path) =>
    draft.refuse(at, path, say)

const properties: Readonly<Record<string, Property>> = {
  except(at, forward, draft, path) {
    const names = at.args.map(readDomain)
    if (names.length > 0 && names.every((name) => name !== undefined)) forward.except = names
    else draft.refuse(at, path, `"${at.args.join(' ')}" is given; allowed is domain names`)
  },
  force_tcp: (_, forward) => void (forward.forceTcp = true),
  prefer_udp: () => {},
  policy(at, forward, draft, path) {
    const [word] = at.args
    if (word === 'random' || word === 'round_robin' || word === 'sequential') forward.policy = word
    else draft.refuse(at, path, `"${word ?? ''}" is given; allowed is random, round_robin or sequential`)
  },
  read_timeout: (at, forward, draft, path) =>
    void (forward.timeout = between(draft.time(at, path, at.args[0]) ?? forward.timeout, 10, 60_000)),
  max_fails: (at, forward, draft, path) =>
    void (forward.maxFails = draft.number(at, path, at.args[0], 0, 1_000_000) ?? forward.maxFails),
  max_concurrent(at, forward, draft, path) {
    const most = 1_000_000
    // 0: no bound. A bound that is never reached is as good.
    const value = draft.number(at, path, at.args[0], 0, Number.MAX_SAFE_INTEGER)
    if (value !== undefined) forward.maxConcurrent = value === 0 ? most : Math.min(value, most)
  },
  health_check(at, forward, draft, path) {
    forward.healthInterval = between(draft.time(at, path, at.args[0]) ?? forward.healthInterval, 10, 3_600_000)
    if (at.args.length > 1)
      draft.note(
        at,
        path,
        'how a name server is looked at cannot be chosen: it is asked for the NS records of the root',
      )
  },
  failover(at, _, draft, path) {
    if (at.args.some((code) => !['SERVFAIL', 'REFUSED'].includes(code.toUpperCase())))
      draft.refuse(at, path, 'not supported; the next name server is asked after SERVFAIL and REFUSED only')
  },
  tls(at, _, draft, path) {
    if (at.args.length > 0)
      draft.refuse(
        at,
        path,
        'certificates cannot be given; those that Node knows are trusted, and NODE_EXTRA_CA_CERTS adds a file of others',
      )
  },
  // Read with the name servers.
  tls_servername: () => {},
  expire: note('connections are kept as long as the name server keeps them'),
  max_age: note('connections are kept as long as the name server keeps them'),
  max_idle_conns: note('connections are kept as long as the name server keeps them'),
  max_connect_attempts: note('each name server is asked once for each question'),
  failfast_all_unhealthy_upstreams: note('name servers that are all ill are asked still'),
  next: refuse('not supported; one name server speaks for a domain'),
  next_on_nodata: refuse('not supported; one name server speaks for a domain'),
  doh_method: refuse('DNS over HTTPS is not supported; write tls://ADDRESS%NAME'),
  source_address: refuse('not supported; the kernel chooses the address'),
  resolver: refuse('not supported; write the addresses of the name servers'),
}

/** `forward FROM TO... { ... }` */
export function forward(at: Directive, draft: Draft, block: Block): void {
  const [from, ...to] = at.args
  if (from === undefined || to.length === 0)
    return draft.refuse(at, 'forward', 'a domain and name servers belong to it: forward . 9.9.9.9')
  const serverName = at.block.find(({ name }) => name === 'tls_servername')?.args[0]
  const making = newForward(to.flatMap((text) => upstreamsOf(text, serverName, at, draft)))
  for (const property of at.block) {
    const path = `forward ${property.name}`
    const known = properties[property.name]
    if (known) known(property, making, draft, path)
    else draft.refuse(property, path, 'CoreDNS has no such property')
  }
  for (const zone of block.zones) put(at, making, zone, zoneName(from), draft)
}

/** It is asked for what both the server block and `from` cover. */
function put(at: Directive, making: ForwardConfig, zone: string, from: string, draft: Draft): void {
  const domain = within(from, zone) ? from : within(zone, from) ? zone : undefined
  if (domain === undefined)
    return draft.refuse(
      at,
      'forward',
      `"${from}" is outside of "${zone}", the domain of its server block; nothing would be forwarded`,
    )
  if (domain === '') {
    if (draft.config.forward) draft.refuse(at, 'forward', 'there is a forward for all names already; allowed is one')
    draft.config.forward ??= making
    return
  }
  if (readDomain(domain) === undefined)
    return draft.refuse(at, 'forward', `"${domain}" is given; allowed is a domain name`)
  draft.stubs.push({ domain, forward: making, line: at.line })
}

/** `9.9.9.9`, `dns://9.9.9.9:53`, `tls://9.9.9.9%dns.quad9.net:853`, `/etc/resolv.conf` */
function upstreamsOf(
  text: string,
  serverName: string | undefined,
  at: Directive,
  draft: Draft,
): readonly UpstreamConfig[] {
  if (text.startsWith('/')) return upstreamsIn(text, draft.outside, (say) => draft.refuse(at, 'forward', say))
  const [, scheme = '', where = ''] = /^(?:([a-z0-9]+):\/\/)?(.*)$/.exec(text) ?? []
  const [, host = '', named, port = ''] = /^(.*?)(?:%([^:\]]+)\]?)?(:\d+)?$/.exec(where) ?? []
  const name = named ?? serverName
  if (scheme === 'tls' && name === undefined)
    draft.refuse(
      at,
      'forward',
      `whose certificate "${text}" has to show is not said; write tls://ADDRESS%NAME, or tls_servername NAME in its block`,
    )
  else if (scheme !== '' && scheme !== 'tls' && scheme !== 'dns')
    draft.refuse(
      at,
      'forward',
      `"${text}" is given; allowed is an address, tls://ADDRESS%NAME, or a file such as /etc/resolv.conf`,
    )
  else {
    const upstream = readUpstream(scheme === 'tls' ? `tls://${host}${port}#${name}` : where)
    if (upstream) return [upstream]
    draft.refuse(
      at,
      'forward',
      `"${text}" is given; allowed is an address with or without a port, or a file such as /etc/resolv.conf`,
    )
  }
  return []
}

function between(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most)
}
