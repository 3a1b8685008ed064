import { type DnsConfig, type ForwardConfig, forwardDefaults, type HostsEntry, clusterDefaults } from '../config.ts'
import type { Files, Mistake } from '../spot.ts'
import { readTime } from '../time.ts'
import type { Directive } from './parse.ts'

/** What a Corefile reads besides itself. */
export interface Outside extends Files {
  /** The files that a pattern such as `/etc/coredns/custom/*.server` means, or `custom/*.server` beside the Corefile. */
  glob(pattern: string): readonly string[]
  env(name: string): string | undefined
  /** This machine has IPv6. Where no address is given CoreDNS takes both families then. */
  readonly ipv6: boolean
}

/** A server block as its plugins see it. */
export interface Block {
  /** Lower case, without a dot at the end; the root is empty. */
  readonly zones: readonly string[]
  readonly directives: readonly Directive[]
}

type Draftable = { -readonly [K in keyof DnsConfig]: DnsConfig[K] }

/** A configuration on its way from a Corefile: each plugin puts down its part, or what is wrong with its line. */
export class Draft {
  readonly config: Draftable
  readonly entries: (HostsEntry & { line: number })[] = []
  readonly stubs: { domain: string; forward: ForwardConfig; line: number }[] = []
  readonly caches: { block: Block; line: number; cache: DnsConfig['cache'] }[] = []
  readonly mistakes: Mistake[] = []
  readonly notes: Mistake[] = []
  /** The one line of the plugin kubernetes. */
  cluster?: Directive
  readonly outside: Outside
  /** Zones of the plugin kubernetes, as {@link zoneName} gives them. */
  readonly clusterZones: readonly string[]

  constructor(outside: Outside, clusterZones: readonly string[]) {
    this.clusterZones = clusterZones
    this.outside = outside
    // Without their plugins CoreDNS has none of these, and ends at once.
    const { health: _h, ready: _r, metrics: _m, ...others } = clusterDefaults
    this.config = { ...others, listen: [], lameDuck: 0, cache: { ...others.cache, size: 0 } }
  }

  /** Not supported, or wrong; `instead`: what to write. */
  refuse({ line }: { line: number }, path: string, say: string): undefined {
    this.mistakes.push({ line, path, say })
  }

  /** Nothing is lost that clients would see, but the line means less than in CoreDNS. */
  note({ line }: { line: number }, path: string, say: string): void {
    this.notes.push({ line, path, say })
  }

  /** Milliseconds; `30s`, as Go writes times, or as some plugins have it a bare number of seconds. */
  time(at: Directive, path: string, text: string | undefined, bare = false): number | undefined {
    const value = bare && /^\d+$/.test(text ?? '') ? Number(text) * 1000 : readTime(text ?? '')
    return value ?? this.refuse(at, path, `"${text ?? ''}" is given; allowed is a time such as 30s`)
  }

  number(at: Directive, path: string, text: string | undefined, least: number, most: number): number | undefined {
    const value = Number(text)
    if (text !== undefined && /^\d{1,15}$/.test(text) && value >= least && value <= most) return value
    return this.refuse(at, path, `"${text ?? ''}" is given; allowed is a whole number from ${least} to ${most}`)
  }
}

export function newForward(to: ForwardConfig['to']): { -readonly [K in keyof ForwardConfig]: ForwardConfig[K] } {
  return { ...forwardDefaults, to }
}

/** `.`, `Corp.Example.`, `10.in-addr.arpa`, as configurations have them: lower case, no dot at the end, the root empty. */
export function zoneName(text: string): string {
  return text.toLowerCase().replace(/\.$/, '')
}

export function within(name: string, zone: string): boolean {
  return zone === '' || name === zone || name.endsWith(`.${zone}`)
}
