import { type Address, hostPort } from '../../base/address.ts'
import { ownerOf } from '../cluster/cluster.ts'
import { nameOf, shortName } from '../cluster/names.ts'
import type { Answer } from '../probe/spec.ts'
import type { SizeHop, SizeTried } from '../types.ts'
import type { RuleMet } from '../observation.ts'
import { errorOf, type IcmpError, sayError } from './error.ts'
import { answerStoppedBy, ruleText, stoppedAtOnce } from './rules.ts'
import { factsOf, ipOf, type Story } from './story.ts'
import { storyOf, type Told } from './tell.ts'

export interface ToldSize {
  readonly tried: SizeTried
  /** The devices that it was seen at. */
  readonly hops: readonly SizeHop[]
}

/** What became of one packet of `bytes`. Pure. */
export function tellSize(told: Told, bytes: number, result: Extract<Answer, { kind: 'sent' }>): ToldSize {
  const { story } = storyOf(told)
  const hops = hopsOf(story)
  if (result.outcome === 'answered' || hasArrived(story)) return { tried: { bytes, passed: true }, hops }
  const error = errorOf(story)
  const [first] = story.flow.there
  const last = hops.at(-1)
  if (!first || !last) {
    const by = shortName(told.source.key)
    const own = result.outcome === 'too-big'
    const say = own ? `${by}’s own device takes less, so nothing was sent` : 'nothing left'
    return { tried: { bytes, passed: false, ...(own && { by }), say }, hops }
  }
  const at = { place: last.place, device: last.device }
  const stopped = stoppedError(story, error)
  if (stopped) {
    const { said, met } = stopped
    const say = `${sayNo(said, bytes, ipOf(first).destination)}, and a rule of ${met.place.name} is against that: nobody heard it (${ruleText(met)})`
    return { tried: { bytes, passed: false, at, say }, hops }
  }
  if (!error) {
    const say = `not seen behind ${last.place}’s ${last.device}, and nobody said so`
    return { tried: { bytes, passed: false, at, say }, hops }
  }
  const { by, mtu } = error
  const say = sayNo(error, bytes, ipOf(first).destination)
  return { tried: { bytes, passed: false, at, by, ...(mtu !== undefined && { mtu }), say }, hops }
}

function sayNo(error: IcmpError, bytes: number, about: Address): string {
  return `${error.by} says no: ${sayError(error, bytes, about)} (ICMP: ${error.name})`
}

/** An error that rules kept from who sent: where it was made, or on its way. */
function stoppedError(story: Story, error: IcmpError | undefined): { said: IcmpError; met: RuleMet } | undefined {
  const last = story.flow.back.at(-1)
  const met = error && last && answerStoppedBy(story, last)
  if (met) return { said: error, met }
  const atOnce = stoppedAtOnce(story)
  const said = atOnce && errorOf(story, atOnce.at)
  return said && { said, met: atOnce.met }
}

/** Seen where its address is: whether the kernel there answers is another question. */
function hasArrived(story: Story): boolean {
  const last = story.flow.there.at(-1)
  if (!last || last.direction !== 'in') return false
  return factsOf(story, last.place)?.addresses.includes(ipOf(last).destination) ?? false
}

function hopsOf(story: Story): SizeHop[] {
  const seen = new Set<string>()
  return story.flow.there.flatMap(({ place, device }): SizeHop[] => {
    const key = `${place.name} ${device}`
    if (seen.has(key)) return []
    seen.add(key)
    const mtu = factsOf(story, place)?.devices.find(({ name }) => name === device)?.mtu
    return [{ place: shortName(place.name), device, ...(mtu !== undefined && { mtu }) }]
  })
}

export interface SizeTarget {
  readonly address: Address
  /** 0 where echo requests are sent. */
  readonly port: number
  /** `pod far (100.96.2.2)` */
  readonly name: string
  /** Of the device by which packets to it leave. */
  readonly mtu?: number
}

/** Whom packets of some size are for: where a request was going when it was seen last. undefined while that is a service. */
export function sizeTarget(told: Told): SizeTarget | undefined {
  const { story } = storyOf(told)
  const { there } = story.flow
  const [first, last] = [there[0], there.at(-1)]
  if (!first || !last) return undefined
  const { destination, transport } = ipOf(last)
  if (ownerOf(story.cluster, destination).kind === 'service') return undefined
  const port = transport?.kind === 'udp' ? transport.destinationPort : 0
  const ends = port === 0 ? destination : hostPort(destination, port)
  const name = nameOf(story, destination)
  const own = factsOf(story, first.place)
  // Who was led to itself sends there by lo, whatever way the request took.
  const device = own?.addresses.includes(destination) ? 'lo' : first.device
  const mtu = own?.devices.find(({ name }) => name === device)?.mtu
  return {
    address: destination,
    port,
    name: name === undefined ? ends : `${name} (${ends})`,
    ...(mtu !== undefined && { mtu }),
  }
}
