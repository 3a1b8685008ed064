import { type Address, contains, parseAddress } from '../../base/address.ts'
import { type Cluster, ownerOf, slicesOf } from '../cluster/cluster.ts'
import type { Origin } from '../origin.ts'
import { candidates, inHosts, parseResolvConf } from '../probe/resolvconf.ts'
import type { NameFiles } from '../probe/spec.ts'
import { type DnsForetold, type DnsStep, unanswered, type Verdict } from '../types.ts'
import type { MachineState } from './machine.ts'
import { ask, mostAliases, zoneOf } from './names.ts'
import { predict } from './predict.ts'
import type { Ranges } from './ranges.ts'

export interface NameAsked {
  readonly cluster: Cluster
  readonly namespaces: readonly string[]
  readonly ranges: Ranges
  readonly states: readonly MachineState[]
  readonly source: Origin
  readonly name: string
  /** As the sender has them. */
  readonly files: NameFiles
  /** The source port of the questions. */
  readonly port: number
  /** What was asked: what nobody could know beforehand is taken from it. */
  readonly seen: readonly DnsStep[]
}

/**
 * The questions that a program of the sender asks for a name, in their order (resolver(3), resolv.conf(5)): the names by its search list, the
 * servers by its resolv.conf, what the cluster's own zone says by the objects (DNS specification 1.1.0), and whether a server hears them by
 * the way there. Pure.
 */
export function foretellQuestions(asked: NameAsked): DnsForetold[] {
  const { name, files } = asked
  const local = inHosts(files.hosts, name)
  if (local !== undefined)
    return [{ question: name, type: 'A', server: '/etc/hosts', rcode: 'NOERROR', answers: [local] }]
  const conf = parseResolvConf(files.resolvConf)
  const kinds = conf.noAaaa ? (['A'] as const) : (['A', 'AAAA'] as const)
  const questions = candidates(name, conf)
  const oracle = new Oracle(asked, questions)
  const seen = firstAsked(asked.seen)
  const steps: DnsForetold[] = []
  let silent = false
  for (const [at, question] of questions.entries()) {
    // Where no server answers, the C library skips the other search domains and tries the name as it is.
    if (silent && at < questions.length - 1) continue
    for (const server of Array.from({ length: conf.attempts }, () => conf.servers).flat()) {
      const turn = kinds.map((type) => oracle.foretell(question, type, server))
      const heard = turn.map((one, place) => instead(one, seen[steps.length + place]))
      steps.push(...turn)
      const known = heard.flatMap((one) => one ?? [])
      // What cannot be known, and was not asked either: nobody can say how it goes on.
      if (known.length < turn.length) return steps
      if (known.some(({ answers = [] }) => answers.some((answer) => parseAddress(answer) !== undefined))) return steps
      silent = known.every(unanswered)
      if (known.every(({ rcode }) => rcode === 'NXDOMAIN' || rcode === 'NOERROR')) break
    }
  }
  return steps
}

/**
 * undefined when what was asked, of whom, in which order, and what was answered, is what was foretold; else where they part. `cut`: the
 * time was over before everything was asked.
 */
export function questionsDiffer(
  foretold: readonly DnsForetold[],
  seen: readonly DnsStep[],
  cut: boolean,
): string | undefined {
  const asked = firstAsked(seen)
  for (let at = 0; at < Math.max(foretold.length, asked.length); at++) {
    const [one, other] = [foretold[at], asked[at]]
    if (!other && cut) return undefined
    if (!one || !other || sayAsked(one) !== sayAsked(other))
      return `question ${at + 1}: predicted was ${one ? sayAsked(one) : 'none'}, and asked was ${other ? sayAsked(other) : 'none'}`
    const [expected, heard] = [saidBy(one), saidBy(other)]
    if (!mayBe(one, other) || (isTold(one, other) && expected !== heard))
      return `question ${at + 1}, ${sayAsked(one)}: predicted was ${expected}, and it was ${heard}`
  }
  return undefined
}

function sayAsked({ question, type, server }: DnsForetold | DnsStep): string {
  return `${question} ${type} of ${server}`
}

/** Pods of a headless service come and go: of several addresses it is told that there are some. */
function saidBy({ rcode = 'anything', answers = [] }: DnsForetold | DnsStep): string {
  const addresses = answers.filter((answer) => parseAddress(answer) !== undefined)
  if (rcode !== 'NOERROR') return rcode
  return addresses.length === 0
    ? 'NOERROR, no address'
    : addresses.length > 1
      ? 'NOERROR, addresses'
      : `NOERROR ${addresses[0]}`
}

/** Both have the whole answer, of the cluster's own zone. */
function isTold(one: DnsForetold, seen: DnsStep): boolean {
  return one.rcode === seen.rcode && seen.truncated !== true && !bySomebodyElse(seen)
}

/** Each question once: one that was asked again over TCP, because the first answer did not fit, with the answer that it had there. */
function firstAsked(steps: readonly DnsStep[]): DnsStep[] {
  return steps.flatMap((step, at) => {
    if (step.over !== undefined) return []
    const whole = steps.find(
      (one, later) => later > at && one.over === 'tcp' && sayAsked(one) === sayAsked(step) && !unanswered(one),
    )
    return step.truncated && whole
      ? [{ ...step, rcode: whole.rcode, answers: whole.answers, truncated: false }]
      : [step]
  })
}

/** What was heard, where it may be so; else what was foretold. */
function instead(
  foretold: DnsForetold,
  seen: DnsStep | undefined,
): { rcode: string; answers?: readonly string[] } | undefined {
  if (seen && sayAsked(seen) === sayAsked(foretold) && mayBe(foretold, seen)) return seen
  const { rcode, answers } = foretold
  return rcode === undefined ? undefined : { rcode, ...(answers && { answers }) }
}

/** Whether an answer is one of those that were foretold. */
function mayBe({ rcode, may = [] }: DnsForetold, seen: DnsStep): boolean {
  return (
    rcode === undefined ||
    seen.rcode === rcode ||
    may.includes(seen.rcode) ||
    (bySomebodyElse(seen) && !unanswered(seen))
  )
}

/** The server says that another part of it answered: hosts, a stub zone, whatever its own settings say. */
function bySomebodyElse({ answeredBy }: DnsStep): boolean {
  return answeredBy !== undefined && !answeredBy.startsWith('cluster')
}

class Oracle {
  readonly #asked: NameAsked
  readonly #zone: ReturnType<typeof zoneOf>
  readonly #ways = new Map<Address, readonly Verdict[]>()

  constructor(asked: NameAsked, questions: readonly string[]) {
    this.#asked = asked
    this.#zone = zoneOf(concerned(asked.cluster, questions), asked.namespaces)
  }

  foretell(question: string, type: DnsStep['type'], server: Address): DnsForetold {
    const step = { question, type, server }
    if (isElsewhere(this.#asked, server))
      return { ...step, say: `${server} is outside of the cluster: what it answers, no object says` }
    const [first, ...others] = this.#wayTo(server).map((verdict) => outcomes[verdict])
    if (first !== undefined) return { ...step, rcode: first, may: others.flatMap((one) => one ?? anyAnswer) }
    const may = others.flatMap((one) => one ?? [])
    const { cluster } = this.#asked
    if (!isOwnServer(cluster, server))
      return { ...step, say: `${server} is no name server of the cluster: what it answers, no object says` }
    const { step: found, outside } = ask(this.#zone, cluster.zone, question, server, 'FORWARDED', type)
    if (outside !== undefined)
      return { ...step, say: `${outside} is no name of this cluster: only its own name servers can say` }
    if (question.toLowerCase().endsWith(`.pod.${cluster.zone}`))
      return { ...step, say: 'names of pods are answered as the name server’s own settings say' }
    return { ...step, rcode: found.rcode, answers: found.answers, ...(may.length > 0 && { may }) }
  }

  /** What may become of a question on its way, the likely first. */
  #wayTo(address: Address): readonly Verdict[] {
    let known = this.#ways.get(address)
    if (!known) {
      const to = { address, port: 53 }
      known = predict({ ...this.#asked, to, protocol: 'dns' }).verdicts
      this.#ways.set(address, known)
    }
    return known
  }
}

/** undefined: the server says something. */
const outcomes: Readonly<Record<Verdict, string | undefined>> = {
  delivered: undefined,
  refused: 'UNREACHABLE',
  rejected: 'UNREACHABLE',
  unreachable: 'UNREACHABLE',
  dropped: 'TIMEOUT',
  'no-answer': 'TIMEOUT',
  'too-big': 'TIMEOUT',
  'name-not-found': undefined,
  'not-sent': undefined,
}
const anyAnswer = ['NOERROR', 'NXDOMAIN']

/** Whether there is a way to it, and back, the cluster does not say. */
function isElsewhere({ cluster, ranges }: NameAsked, server: Address): boolean {
  const { pods, services, nodes } = ranges
  return (
    ownerOf(cluster, server).kind === 'unknown' &&
    ![pods, services, ...(nodes ? [nodes] : [])].some((range) => contains(range, server))
  )
}

/** The service of the cluster's name servers, one of their pods, or the node's own. */
function isOwnServer(cluster: Cluster, server: Address): boolean {
  if (cluster.nodeDns?.address === server) return true
  const services = cluster.services.filter(
    ({ metadata }) =>
      metadata.namespace === 'kube-system' &&
      (metadata.labels?.['k8s-app'] === 'kube-dns' || metadata.name === 'kube-dns'),
  )
  return services.some(
    (service) =>
      service.spec.clusterIP === server ||
      slicesOf(cluster, service).some(({ endpoints }) => endpoints.some(({ addresses }) => addresses.includes(server))),
  )
}

/** A cluster of thousands is not made into a zone for one name: what the questions name, and where aliases lead. */
function concerned(cluster: Cluster, questions: readonly string[]): Pick<Cluster, 'zone' | 'services' | 'slices'> {
  const labels = new Set(questions.flatMap((one) => one.toLowerCase().split('.')))
  const named = (): Cluster['services'] =>
    cluster.services.filter(({ metadata }) => labels.has(metadata.name) && labels.has(metadata.namespace ?? 'default'))
  let services = named()
  for (let round = 0; round < mostAliases; round++) {
    const before = labels.size
    for (const { spec } of services)
      for (const label of (spec.externalName ?? '').toLowerCase().split('.')) labels.add(label)
    if (labels.size === before) break
    services = named()
  }
  return { zone: cluster.zone, services, slices: services.flatMap((service) => slicesOf(cluster, service)) }
}
