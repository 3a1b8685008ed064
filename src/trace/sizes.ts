import { randomInt } from 'node:crypto'
import type { RepeatSpec } from './probe/spec.ts'
import { requestOf, type Sender, watched, watchersOf } from './send.ts'
import type { Target } from './target.ts'
import { type SizeTarget, sizeTarget, tellSize, type ToldSize } from './tell/sizes.ts'
import { splitByPort } from './tell/split.ts'
import type { Told } from './tell/tell.ts'
import type { Sizes, SizeTried, Trace } from './types.ts'

/** No link of IPv4 takes less (RFC 791, 3.2). */
export const leastSize = 68
export const largestSize = 65_535
/** What every machine takes (RFC 1122, 3.3.3): nobody who has less needs to be looked for first. */
const usualLeast = 576
const usualMost = 1500
/** Sizes that are tried at once, where nobody says what would fit. */
const atOnce = 8
/** More rounds than any path needs: each finds the size, a smaller limit, or an eighth of what was left. */
const mostRounds = 12

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
  const all: ToldSize[] = []
  let [passes, fails] = [0, Infinity]
  let next = [to.mtu ?? usualMost]
  for (let round = 0; round < mostRounds && next.length > 0; round++) {
    const results = await probe.send(next, true)
    all.push(...results)
    for (const { tried } of results) if (tried.passed) passes = Math.max(passes, tried.bytes)
    for (const { tried } of results) if (!tried.passed && tried.bytes > passes) fails = Math.min(fails, tried.bytes)
    const said = all.flatMap(({ tried: { mtu } }) => (mtu !== undefined && mtu < fails ? [mtu] : []))
    // Who says how much fits need not be tried with one byte more.
    if (said.includes(passes)) break
    const fitting = said.filter((mtu) => mtu > passes)
    next = fitting.length > 0 ? [Math.min(...fitting)] : between(passes, fails)
  }
  if (all.length === 0) return { tried: [], hops: [], say: ended }
  const tried = all.map((one) => one.tried).sort((a, b) => b.bytes - a.bytes)
  return { ...(passes > 0 && { largest: passes }), tried: unique(tried), hops: longest(all), say }
}

const ended = 'the sender ended before anything could be measured'

/** Sizes that cut what is left into equal parts. */
function between(passes: number, fails: number): number[] {
  if (!Number.isFinite(fails) || fails - passes <= 1) return []
  const least = passes > 0 ? passes + 1 : fails > usualLeast ? usualLeast : leastSize
  const most = fails - 1
  if (least > most) return []
  const count = Math.min(atOnce, most - least + 1)
  const step = count === 1 ? 0 : (most - least) / (count - 1)
  return [...new Set(Array.from({ length: count }, (_, at) => Math.round(least + at * step)))]
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
  const timeoutMs = Math.min(sender.timeoutMs, Math.max(250, 8 * ms))
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
