import type { Address } from '../../base/address.ts'
import type { Explain } from '../case.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { shortName } from '../cluster/names.ts'
import { endsOfRequest, followFlow, readSightings, type Sighting } from '../flow/flow.ts'
import { withLocal } from '../flow/local.ts'
import type { Device, Facts, Observation } from '../observation.ts'
import { notesOf } from '../notes.ts'
import type { Origin } from '../origin.ts'
import { agreement } from '../predict/agreement.ts'
import type { MachineState } from '../predict/machine.ts'
import { predict } from '../predict/predict.ts'
import { othersOnWire } from '../predict/promised.ts'
import type { Ranges } from '../predict/ranges.ts'
import type { ProbeResult } from '../probe/spec.ts'
import { withRuled } from '../flow/ruled.ts'
import type { Unsent } from '../send/send.ts'
import { type Target, transportOf } from '../ask/target.ts'
import { timeText } from '../time.ts'
import { type DnsForetold, type DnsStep, type Hop, type Sizes, type Trace, type Why } from '../types.ts'
import { neverLeft, neverSent, withEnding } from './ending.ts'
import { tellHops } from './hops.ts'
import { disagreement, nameIn, nameless, round } from './nameless.ts'
import { withReplyEnding } from './reply-ending.ts'
import type { Story } from './story.ts'
import { verdictOf } from './verdict.ts'

export interface Told {
  readonly cluster: Cluster
  readonly ranges: Ranges
  readonly target: Target
  readonly source: Origin
  readonly dns: readonly DnsStep[]
  /** Which questions were foretold for the name, and where they are not those that were asked. */
  readonly questions?: { readonly all: readonly DnsForetold[]; readonly differs?: string }
  /** Where the request went; undefined when its name has no address. */
  readonly to: { readonly address: Address; readonly port: number } | undefined
  /** The source port. */
  readonly port: number
  readonly observations: readonly Observation[]
  readonly result: ProbeResult | Unsent | undefined
  /** The request was for something else, whose name nobody told: what was sent is a question about it. */
  readonly nameless?: true
  /** The time that there was for names, in milliseconds, where it did not suffice. */
  readonly late?: number
  /** What was measured afterwards: how large packets may be on the same way. */
  readonly sizes?: Sizes
}

/** Everything that was seen and said, as a trace; `explain` says why. Pure. */
export function tell(told: Told, explain: Explain = () => []): Trace {
  const { cluster, target, dns, to, port, result, observations } = told
  const protocol = transportOf(target.protocol)
  const { story, source } = storyOf(told)
  const { container } = source
  const common = {
    from: source.key,
    ...(container !== undefined && { container }),
    to: target.text,
    protocol: target.protocol,
    dns,
    ...(told.questions && { predictedDns: told.questions.all }),
  }
  if (result?.kind === 'unsent') return notSent(story, common, result)
  if (!to || result?.kind !== 'sent') return nameless(told, story, common, explain)

  const packet = endsOfRequest({ source: source.address, port, protocol }, to)
  const stayed = neverLeft(story)
  const hops: Hop[] = stayed
    ? [neverSent(story, shortName(source.key), source.node, packet, to.address)]
    : withEnding(story, tellHops(story, 'there'))
  const met = verdictOf(story, result, target.protocol)
  // That a question is answered now sends nothing of what was wished.
  const verdict = told.nameless && met === 'delivered' ? 'no-answer' : met
  const unwatched = new Set<string>([
    ...observations.flatMap((one) => (one.kind === 'unwatched' ? [one.node] : [])),
    ...othersOnWire(cluster, told.ranges),
  ])
  const reply = stayed ? [] : withReplyEnding(story, tellHops(story, 'back'))
  const states = observations.flatMap((one) => (one.kind === 'state' ? [one.state] : []))
  const drawn = hops.find(({ action }) => action === 'translated')?.after?.dst
  const prediction = predict({
    cluster,
    ranges: told.ranges,
    states,
    source,
    to,
    protocol: target.protocol,
    port,
    ...(drawn !== undefined && { drawn }),
  })
  const unseen = new Set([...unwatched, ...strangers(prediction.hops, states)])
  const differs = agreement(prediction, { hops, reply, verdict }, unseen)
  return {
    ...common,
    verdict,
    ...(result.status !== undefined && { status: result.status }),
    ...(told.nameless && { asked: { name: nameIn(target), server: to.address } }),
    ...atOf(story),
    ms: round(result.ms),
    hops,
    reply,
    predicted: prediction.hops,
    predictedReply: prediction.reply,
    expected: prediction.verdicts,
    agrees: differs === undefined && told.questions?.differs === undefined,
    why: [
      ...notesOf(told, verdict),
      ...explain({ ...told, story, verdict, hops }),
      ...disagreement(told.questions?.differs),
      ...disagreement(differs),
      ...strangeCertificate(target, result),
      ...blindSpots(observations),
    ],
  }
}

/** Machines and pods that no object led to, so that nobody watched them: somebody's rule sends there. */
function strangers(predicted: readonly Hop[], states: readonly MachineState[]): string[] {
  if (states.length === 0) return []
  const keyOf = (node: string, place: string): string => (place === node ? node : `${node}/${place}`)
  const watched = new Set(states.map(({ place: { node, name } }) => keyOf(node, shortName(name))))
  return predicted.map(({ node, place }) => keyOf(node, place)).filter((key) => !watched.has(key))
}

function atOf({ flow }: Story): Pick<Trace, 'at'> {
  const [first] = flow.there
  return first ? { at: timeText(first.time) } : {}
}

/** The request, found among everything that was seen; its sender, with the address that it was sent from. */
export function storyOf(told: Told): { story: Story; source: Origin } {
  const { cluster, ranges, port, observations } = told
  const probe = { protocol: transportOf(told.target.protocol), source: told.source.address, port }
  const sightings = withLocal(
    readSightings(observations.filter((one) => one.kind === 'packet')),
    observations.filter((one) => one.kind === 'local'),
    probe,
  )
  const source = asSent(told.source, sightings)
  const rules = observations.filter((one) => one.kind === 'rule')
  const story: Story = {
    cluster,
    ranges,
    flow: withRuled(followFlow(sightings, { ...probe, source: source.address }), rules),
    facts: withFormer(observations),
    rules,
    source: source.key,
    ...(told.result?.kind === 'sent' && { outcome: told.result.outcome }),
  }
  return { story, source }
}

/** What kernels say afterwards, and the devices that they had before: those of a pod that has ended are gone by then. */
function withFormer(observations: readonly Observation[]): Facts[] {
  const states = observations.filter((one) => one.kind === 'state')
  return observations.flatMap((facts): Facts[] => {
    if (facts.kind !== 'facts') return []
    const before = states.find(({ place: { kind, name } }) => kind === facts.place.kind && name === facts.place.name)
    const present = new Set(facts.devices.map(({ name }) => name))
    const former = (before?.state.devices ?? [])
      .filter(({ name }) => !present.has(name))
      .map(({ name, bridge }): Device => ({ name, kind: '', ...(bridge !== undefined && { bridge }) }))
    return former.length === 0 ? [facts] : [{ ...facts, devices: [...facts.devices, ...former] }]
  })
}

/** With the address that the machine's kernel chose for this way. */
function asSent(source: Origin, sightings: readonly Sighting[]): Origin {
  const own = sightings.find(({ local, direction }) => local && direction === 'out')?.frame.ip?.source
  return own === undefined ? source : { ...source, address: own }
}

/** The story ends before it began. What packets were seen nevertheless, is told. */
function notSent(
  story: Story,
  common: Pick<Trace, 'from' | 'to' | 'protocol' | 'dns' | 'predictedDns'>,
  { say, fix = 'trace again when it runs: kubectl get pods -A -o wide shows where pods are' }: Unsent,
): Trace {
  const why: Why[] = [{ code: 'NotSent', level: 'error', say: `nothing was sent: ${say}`, fix }]
  const hops = tellHops(story, 'there')
  return { ...common, verdict: 'not-sent', ms: 0, hops, reply: [], predicted: [], agrees: true, why }
}

/** The way is as it should be; a client that checks certificates would still end here. */
function strangeCertificate({ host }: Target, { certificate }: Extract<ProbeResult, { kind: 'sent' }>): Why[] {
  if (!certificate) return []
  const asked = host.kind === 'name' ? host.name : host.kind === 'address' ? host.address : host.object.name
  const names = certificate.length === 0 ? 'no name' : certificate.join(', ')
  const say = `the certificate is for ${names}, not for ${asked}: a client that checks it ends the connection`
  const fix = certificate.length === 0 ? 'give the server a certificate with its name' : `ask for ${certificate[0]}`
  return [{ code: 'CertificateName', level: 'info', say, fix }]
}

/** Where watching failed: what is missing from the hops is not missing from the world. */
export function blindSpots(observations: readonly Observation[]): Why[] {
  return observations.flatMap((one): Why[] => {
    if (one.kind === 'lost')
      return [{ code: 'Lost', level: 'warning', say: `${one.place.name}: ${one.say}`, fix: 'trace again' }]
    if (one.kind !== 'unwatched') return []
    const say = `${one.node} could not be watched: ${one.say}`
    return [{ code: 'Unwatched', level: 'warning', say, fix: `see whether the agent of ${one.node} runs` }]
  })
}
