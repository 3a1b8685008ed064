import { ApiError, type Client } from '../../api/client/client.ts'
import type { KindName, Kinds } from '../../api/objects/index.ts'
import type { NetworkPolicy } from '../../api/objects/networkpolicy.ts'
import { selectorMatches } from '../../api/select/labels.ts'
import { type Address, parseAddress } from '../../base/address.ts'
import type { Case, Explain } from '../case.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { podKey } from '../cluster/cluster.ts'
import { findOrigin, type Outside } from '../ask/find-origin.ts'
import type { Origin } from '../origin.ts'
import { findDestination } from '../ask/resolve.ts'
import { parseSource } from '../ask/source.ts'
import { oneMachine, sayThisHost } from '../special.ts'
import { parseTarget, type Target } from '../ask/target.ts'
import { storyOf } from '../tell/tell.ts'
import { words } from '../render/verdict.ts'
import type { Trace, Why } from '../types.ts'
import { predictAbroad } from './abroad.ts'
import { guessRanges } from './guess.ts'
import { type ForetoldName, foretellName } from './names.ts'
import { type Prediction, predict } from './predict.ts'
import type { Ranges } from './ranges.ts'

export interface DryRun {
  readonly client: Pick<Client, 'list'>
  readonly from: string
  readonly to: string
  /** Where the sender is looked for when FROM names no namespace. Default: `default`. */
  readonly namespace?: string
  /** Says why it would not be delivered. */
  readonly explain?: Explain
  /** Default: `cluster.local`. */
  readonly zone?: string
  /** What is known of a cluster of Kubehop's own; without it the network is another's, and is not told about. */
  readonly own?: {
    readonly ranges: Ranges
    readonly router?: { readonly name: string; readonly address: Address }
    readonly nodeDns?: Address
    readonly outside?: Outside
  }
}

/**
 * What would become of a request, from the API's objects alone: nothing is sent, no node is asked, no rights on any machine are needed.
 * @throws KubehopError for what cannot be asked, as for a real trace; ApiError where the API refuses the pods.
 */
export async function dryRun(options: DryRun): Promise<Trace> {
  const { own, namespace = 'default' } = options
  const target = parseTarget(options.to)
  const wanted = parseSource(options.from)
  const { objects, namespaces, policies, notes } = await look(options)
  const guessed = own ? undefined : guessRanges(objects)
  const ranges = own?.ranges ?? guessed?.ranges
  if (!ranges) throw new TypeError('trace: ranges are known or guessed')
  const source = findOrigin(objects, wanted, namespace, own?.outside)
  const cluster: Cluster =
    own?.nodeDns === undefined ? objects : { ...objects, nodeDns: { address: own.nodeDns, node: source.node } }
  const destination = findDestination(cluster, target, source, namespace)
  const name: ForetoldName =
    destination.kind === 'name'
      ? foretellName(cluster, namespaces, source, destination.name, own ? 'REFUSED' : 'FORWARDED')
      : { steps: [], question: '', address: destination.address, notes: [] }
  const server = name.steps.flatMap(({ server: one }) => parseAddress(one) ?? [])[0]
  const found = target.protocol === 'dns' ? (server ?? name.address) : name.address
  const address = found && oneMachine(cluster, ranges, found, target.text)
  const common = {
    from: source.key,
    to: target.text,
    protocol: target.protocol,
    ms: 0,
    dns: name.steps,
    observed: false,
    agrees: true,
  } as const
  const told = { cluster, ranges, target, source, dns: name.steps, observations: [], result: undefined }
  const why = (one: Pick<Case, 'to' | 'port' | 'verdict' | 'hops'>): Why[] =>
    options.explain?.({ ...told, ...one, ...storyOf({ ...told, ...one }), foretold: own ? 'own' : 'others' }) ?? []
  if (address === undefined) {
    const unnamed = nameless(common, target, name, [...notes, ...name.notes])
    const { verdict, hops } = unnamed
    const found = why({ to: undefined, port: 0, verdict, hops })
    return { ...unnamed, why: found.length > 0 ? found : unnamed.why }
  }
  const asked = {
    cluster,
    ranges,
    states: [],
    source,
    to: { address, port: destination.port },
    protocol: target.protocol,
    port: examplePort,
  }
  const prediction = own ? predict(asked) : predictAbroad(asked)
  const { hops, reply, verdicts, endpoints } = prediction
  const said = [
    ...(guessed ? [abroad, ...guessed.notes] : []),
    ...notes,
    ...name.notes,
    ...(address === found ? [] : [sayThisHost]),
    ...doubts(prediction),
    ...policyNotes(policies, cluster, source, prediction),
  ]
  const verdict = verdicts[0] ?? 'no-answer'
  const no = target.protocol === 'dns' && name.address === undefined ? name.steps.at(-1)?.rcode : undefined
  return {
    ...common,
    verdict,
    ...(verdict === 'delivered' && no !== undefined && no !== 'FORWARDED' && { status: no }),
    hops,
    reply,
    predicted: hops,
    predictedReply: reply,
    expected: verdicts,
    ...(endpoints.length > 0 && { endpoints }),
    notes: said,
    why: why({ to: asked.to, port: examplePort, verdict, hops }),
  }
}

const abroad =
  'services are foretold as Kubernetes defines them; how packets get from machine to machine is this cluster’s network plugin’s business'

/** In the place of the one that the kernel would choose. */
const examplePort = 40_000

function nameless(
  common: Pick<Trace, 'from' | 'to' | 'protocol' | 'ms' | 'dns' | 'observed' | 'agrees'>,
  { host }: Target,
  { outside }: ForetoldName,
  notes: readonly string[],
): Trace {
  const asked = host.kind === 'name' ? host.name : ''
  const why =
    outside === undefined
      ? []
      : [
          {
            code: 'OutsideName',
            level: 'info' as const,
            say: `${outside} is no name of this cluster: which address it has, only its own name servers can say`,
            fix: `ask for an address in the place of ${asked}, or trace without --dry-run`,
          },
        ]
  return {
    ...common,
    verdict: 'name-not-found',
    hops: [],
    reply: [],
    predicted: [],
    expected: ['name-not-found'],
    notes,
    why,
  }
}

/** Why there is more than one verdict. */
function doubts({ verdicts, hops }: Prediction): string[] {
  const last = hops.at(-1)
  if (verdicts.length < 2 || !last) return []
  const others = verdicts.slice(1).map((one) => words[one])
  return [`objects do not say all: ${others.join(' or ')} is possible, too`]
}

/** Policies are named where they select one of the two ends; what their rules let through is not worked out here. */
function policyNotes(
  policies: readonly NetworkPolicy[],
  { pods }: Cluster,
  { pod: sender }: Origin,
  { hops }: Prediction,
): string[] {
  const last = hops.at(-1)
  const target =
    last && last.place !== last.node
      ? pods.find(
          ({ metadata, spec }) =>
            spec.nodeName === last.node &&
            [metadata.name, `${metadata.namespace}/${metadata.name}`].includes(last.place),
        )
      : undefined
  return policies.flatMap(({ metadata, spec }) => {
    const types = spec?.policyTypes ?? ['Ingress']
    const ends = [
      ...(types.includes('Egress') && sender ? [sender] : []),
      ...(types.includes('Ingress') && target && target !== sender ? [target] : []),
    ]
    return ends
      .filter(
        (pod) =>
          pod.metadata.namespace === metadata.namespace &&
          selectorMatches(spec?.podSelector, pod.metadata.labels ?? {}),
      )
      .map(
        (pod) =>
          `network policy ${metadata.namespace}/${metadata.name} selects pod ${podKey(pod)}: whether it lets this through, its rules say, if this cluster enforces them`,
      )
  })
}

/** One look at the objects; what one may not read is left out, and said. */
async function look({ client, zone = 'cluster.local', own }: DryRun): Promise<{
  objects: Cluster
  namespaces: string[]
  policies: NetworkPolicy[]
  notes: string[]
}> {
  const notes: string[] = []
  const list = async <K extends KindName>(kind: K, needed = false): Promise<Kinds[K][]> => {
    try {
      return (await client.list(kind)).items
    } catch (error) {
      // 403: not allowed. 404: an API server that does not have the kind.
      if (needed || !(error instanceof ApiError) || (error.code !== 403 && error.code !== 404)) throw error
      notes.push(`the API server does not show objects of kind ${kind}: what depends on them is not foretold`)
      return []
    }
  }
  const [pods, services, slices, nodes, deployments, replicaSets, namespaces, policies] = await Promise.all([
    list('Pod', true),
    list('Service', true),
    list('EndpointSlice'),
    list('Node'),
    list('Deployment'),
    list('ReplicaSet'),
    list('Namespace'),
    list('NetworkPolicy'),
  ])
  const router = own?.router
  // Go writes an empty list as null.
  const whole = slices.map((one) => ({ ...one, endpoints: (one.endpoints as typeof one.endpoints | null) ?? [] }))
  const objects = { pods, services, slices: whole, nodes, deployments, replicaSets, zone, ...(router && { router }) }
  return { objects, namespaces: namespaces.map(({ metadata }) => metadata.name), policies, notes }
}
