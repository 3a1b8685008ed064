import { randomInt } from 'node:crypto'
import type { RepeatSpec } from '../probe/spec.ts'
import { findLargest } from './largest.ts'
import { requestOf, type Sender, watched, watchersOf } from './send.ts'
import type { Target } from '../ask/target.ts'
import { type SizeTarget, sizeTarget, tellSize, type ToldSize } from '../tell/sizes.ts'
import { splitByPort } from '../tell/split.ts'
import type { Told } from '../tell/tell.ts'
import type { Sizes, SizeTried, Trace } from '../types.ts'

export const largestSize = 65_535
const usualMost = 1500

/**
 * Packets that nobody may cut, to where the request arrived (`told`, `first`): which sizes pass, who stops the others, and who keeps
 * silent about it. `wish`: true for the largest, or the size of one. Echo requests, or datagrams where the request was one.
 */
export async function measureSizes(sender: Sender, told: Told, first: Trace, wish: true | number): Promise<Sizes> {
  const to = sizeTarget(told)
  if (!to) return { tried: [], hops: [], say: 'the request came to no pod, so there is no way to measure' }
  const probe = proberOf(sender, told, to, first.ms)
  const say = `${probe.protocol === 'icmp' ? 'echo requests' : 'datagrams'} to ${to.name}`
  if (wish !== true) {
    const [one] = await probe.send([wish], true)
    if (!one) return { tried: [], hops: [], say: ended }
    // What the first device does not take is sent in pieces, too: that is what becomes of a large datagram.
    const pieces = !one.tried.passed && one.hops.length === 0 ? await probe.send([wish], false) : []
    const cut = pieces.map(({ tried }) => ({ ...tried, cut: true as const }))
    return { tried: [one.tried, ...cut], hops: longest([one, ...pieces]), say }
  }
  const { largest, all } = await findLargest(to.mtu ?? usualMost, (sizes) => probe.send(sizes, true))
  if (all.length === 0) return { tried: [], hops: [], say: ended }
  const hops = longest(all)
  const tried = all.map((one) => one.tried).sort((a, b) => b.bytes - a.bytes)
  return { ...(largest > 0 && { largest }), tried: unique(tried).map((one) => withNext(one, hops)), hops, say }
}

/** Of one packet, in ms: a request that was never answered says nothing of how long an answer takes. */
const longestWait = 1000

const ended = 'the sender ended before anything could be measured'

/** Where a packet vanished without a word: what would have come next takes less, perhaps. */
function withNext(tried: SizeTried, hops: ToldSize['hops']): SizeTried {
  const { at, by, passed } = tried
  if (passed || !at || by !== undefined) return tried
  const next = hops[1 + hops.findLastIndex(({ place, device }) => place === at.place && device === at.device)]
  if (!next) return tried
  const takes = next.mtu === undefined ? '' : `, which takes ${next.mtu}`
  return { ...tried, before: next, say: `${tried.say}; next would be ${next.place}’s ${next.device}${takes}` }
}

function longest(all: readonly ToldSize[]): ToldSize['hops'] {
  return all.reduce<ToldSize['hops']>((most, { hops }) => (hops.length > most.length ? hops : most), [])
}

function unique(tried: readonly SizeTried[]): SizeTried[] {
  return tried.filter(({ bytes }, at) => tried.findIndex((other) => other.bytes === bytes) === at)
}

interface Prober {
  readonly protocol: 'icmp' | 'udp'
  /** One packet of each size, watched together. */
  send(sizes: readonly number[], dontFragment: boolean): Promise<ToldSize[]>
}

function proberOf(sender: Sender, told: Told, to: SizeTarget, ms: number): Prober {
  const protocol = told.target.protocol === 'udp' ? 'udp' : 'icmp'
  const target: Target = { ...told.target, protocol }
  // Who keeps silent does so for every size that is too large: a few round trips tell.
  const timeoutMs = Math.min(sender.timeoutMs, longestWait, Math.max(250, Math.ceil(8 * ms)))
  const watchers = watchersOf(sender, target, to)
  return {
    protocol,
    async send(sizes, dontFragment) {
      const port = randomInt(32_768, 60_999 - sizes.length)
      const request = requestOf({ ...sender, timeoutMs }, target, to, port, '')
      const { at } = request
      const repeat: RepeatSpec = { kind: 'repeat', at, timeoutMs, count: sizes.length, request, sizes, dontFragment }
      const flow = { port, span: sizes.length, seconds: timeoutMs / 1000 + 10 }
      const { observations, result } = await watched(watchers(flow), sender, repeat)
      if (result.kind === 'unsent') return []
      if (result.kind !== 'repeated') throw new Error('trace: several sizes were asked for and one was sent')
      const ownOf = splitByPort(observations, new Set(sizes.map((_, at) => port + at)))
      return result.results.flatMap((one, at): ToldSize[] => {
        const bytes = sizes[at]
        if (one.kind !== 'sent' || bytes === undefined) return []
        const own = { ...told, target, to, port: port + at, result: one, observations: ownOf(port + at) }
        return [tellSize(own, bytes, one)]
      })
    },
  }
}
