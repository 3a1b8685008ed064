import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import type { Event } from '../../api/objects/simple.ts'
import { nearest } from '../../base/nearest.ts'
import { isAlive, isReady, podKey, readyEndpoints } from '../../trace/cluster/cluster.ts'
import { directoryOf, meets, spaceOf } from '../directory.ts'
import { machinesOf } from '../machines.ts'
import type { Check, Finding, Patch, View } from '../types.ts'
import { failedAt, listed, nameOf, plural, referTo } from './finding.ts'
import { isLoopback } from './listeners.ts'
import { makerOf } from './owner.ts'
import { isPartlyDone, type Trouble, troubleOf, unknownPort } from './pod-trouble.ts'

/** Services select pods, and none of them is Ready; and pods that are not, while others are. */
export const check: Check = {
  number: 4,
  title: 'refused: the pods of the service are not Ready',
  codes: ['NoReadyPod', 'PodNotReady', 'PodsEnded'],
  needs: 'objects',
  uses: 'machines',
  find: (view) => {
    const events = eventsOfPods(view.events ?? [])
    const told = new Map<string, Told>()
    const troubled = (pod: Pod): Told => {
      const key = podKey(pod)
      const known = told.get(key) ?? { pod, trouble: troubleOf(pod, events.get(key) ?? [], view.now) }
      told.set(key, known)
      return known
    }
    const [empty, said] = emptyServices(view, troubled)
    const rest = view.cluster.pods.filter((pod) => lives(pod) && !isReady(pod) && !said.has(podKey(pod)))
    // A Job's pod is Ready no more when one of its containers has done its work: nobody misses that but a service.
    const missed = rest.filter((pod) => !isPartlyDone(pod) || servicesOf(view, pod).length > 0)
    return [...empty, ...byMaker(view, missed.map(troubled))]
  },
}

interface Told {
  readonly pod: Pod
  readonly trouble: Trouble
}

/** Services without a single ready pod, those with the same pods as one; and the pods that were told with them. */
function emptyServices(view: View, troubled: (pod: Pod) => Told): [Finding[], ReadonlySet<string>] {
  const directory = directoryOf(view.cluster)
  const asked = failedAt(view)
  const groups = new Map<string, { services: Service[]; pods: readonly Pod[] }>()
  const ended: Finding[] = []
  for (const service of view.cluster.services) {
    const { spec, metadata } = service
    if (spec.type === 'ExternalName' || metadata.deletionTimestamp !== undefined) continue
    if (spec.publishNotReadyAddresses) continue
    const matching = directory.matching(spaceOf(service), spec.selector ?? {})
    if (matching.length === 0) continue
    const pods = matching.filter(lives)
    if (pods.length === 0) ended.push(...allEnded(view, service, matching, service === asked))
    if (pods.length === 0 || pods.some(isReady)) continue
    // Slices may be behind the pods for a moment.
    if ((spec.ports ?? []).some(({ name }) => readyEndpoints(view.cluster, service, name).length > 0)) continue
    const key = pods.map(podKey).sort().join()
    const group = groups.get(key)
    if (group) group.services.push(service)
    else groups.set(key, { services: [service], pods })
  }
  const found = [...groups.values()].map(({ services, pods }) => {
    const first = asked && services.includes(asked) ? asked : services[0]
    return noReadyPod(view, first as Service, services, pods.map(troubled))
  })
  return [[...found, ...ended], new Set([...groups.values()].flatMap(({ pods }) => pods.map(podKey)))]
}

function noReadyPod(view: View, service: Service, all: readonly Service[], pods: readonly Told[]): Finding {
  const [first] = pods as [Told]
  const states = pods.slice(0, 3).map(({ pod, trouble }) => `${pod.metadata.name}: ${trouble.say}`)
  const same = new Set(pods.map(({ trouble }) => trouble.kind)).size === 1
  const what = same && pods.length > 1 ? `${first.pod.metadata.name}: ${first.trouble.say}` : states.join('; ')
  const patch = probePatch(view, first)
  return {
    number: 4,
    code: 'NoReadyPod',
    level: 'error',
    object: referTo(service),
    also: [...all.filter((one) => one !== service), ...pods.map(({ pod }) => pod)].map(referTo),
    sure: 'certain',
    early: pods.some(({ trouble }) => trouble.early),
    evidence: pods.slice(0, 3).map(({ pod, trouble: { evidence } }) => ({
      ...evidence,
      text: `pod ${pod.metadata.name}: ${evidence.text}`,
    })),
    say: `${listed([service, ...all.filter((one) => one !== service)].map(nameOf))} select${all.length === 1 ? 's' : ''} ${plural(pods.length, 'pod')}, and none is ready: ${what}`,
    fix: first.trouble.fix,
    ...(patch && { patch, field: fieldOf(first) }),
  }
}

/** A service of pods that have done their work: of a Job, or of a pod that is never started again. */
function allEnded(view: View, service: Service, pods: readonly Pod[], asked: boolean): Finding[] {
  const gone = pods.filter(({ metadata, status }) => metadata.deletionTimestamp === undefined && status?.phase)
  if (gone.length === 0) return []
  const failed = gone.filter(({ status }) => status?.phase === 'Failed')
  const states = gone.slice(0, 3).map(({ metadata, status }) => `${metadata.name} ${status?.phase}`)
  return [
    {
      number: 4,
      code: 'PodsEnded',
      // Of several attempts one that failed is no failure.
      level: asked ? 'error' : failed.length === gone.length ? 'warning' : 'info',
      object: referTo(service),
      also: gone.map(referTo),
      sure: 'certain',
      evidence: [{ kind: 'object', text: states.join('; ') }],
      say: `${nameOf(service)} selects ${plural(gone.length, 'pod')}, and all have ended: ${states.join('; ')}`,
      fix: `a pod that has ended serves nobody: run the program in a Deployment, or see why it ended: kubectl -n ${spaceOf(service)} logs ${gone[0]?.metadata.name}`,
    },
  ]
}

/** Pods in the same trouble that one workload made are one finding. */
function byMaker(view: View, pods: readonly Told[]): Finding[] {
  const groups = Map.groupBy(pods, ({ pod, trouble }) => {
    const { kind, metadata } = makerOf(view, pod)
    return `${kind} ${metadata.namespace}/${metadata.name} ${trouble.kind}`
  })
  return [...groups.values()].map((group): Finding => {
    const [first] = group as [Told, ...Told[]]
    const { trouble, pod } = first
    const maker = makerOf(view, pod)
    const several = group.length > 1 ? `${group.length} pods of ${nameOf({ ...maker })} are` : `${nameOf(pod)} is`
    const patch = probePatch(view, first)
    const wanted = group.every((one) => isSentToAnyway(view, one))
    return {
      number: 4,
      code: 'PodNotReady',
      level: wanted ? 'info' : 'warning',
      object: referTo(maker.kind === 'Pod' ? pod : maker),
      also: group.map((one) => referTo(one.pod)),
      sure: 'certain',
      early: group.every((one) => one.trouble.early),
      evidence: [{ ...trouble.evidence, text: `pod ${pod.metadata.name}: ${trouble.evidence.text}` }],
      say: `${several} not ready: ${trouble.say}${wanted ? '; clients are sent to it all the same (publishNotReadyAddresses)' : ''}`,
      fix: trouble.fix,
      ...(patch && { patch, field: fieldOf(first) }),
    }
  })
}

/** A program that runs, behind services that do not ask whether it is ready: a standby, or members that have to find each other first. */
function isSentToAnyway(view: View, { pod, trouble }: Told): boolean {
  if (trouble.probe === undefined) return false
  const services = servicesOf(view, pod)
  return services.length > 0 && services.every(({ spec }) => spec.publishNotReadyAddresses === true)
}

function servicesOf({ cluster }: View, pod: Pod): Service[] {
  return cluster.services.filter(
    ({ metadata, spec: { selector = {} } }) =>
      (metadata.namespace ?? 'default') === spaceOf(pod) &&
      Object.keys(selector).length > 0 &&
      meets(pod.metadata.labels, selector),
  )
}

function fieldOf({ pod, trouble }: Told): string {
  const at = pod.spec.containers.findIndex(({ name }) => name === trouble.probe?.container.name)
  const where = pod.metadata.ownerReferences?.length ? 'spec.template.spec' : 'spec'
  return `${where}.containers[${at}].${trouble.probe?.type}`
}

/** A probe that names no port of its container: the one that is nearly that, or its only one. A probe that is refused: where somebody listens. */
function probePatch(view: View, told: Told): Patch | undefined {
  const { probe } = told.trouble
  const named = probe && unknownPort(probe.container, probe.probe)
  if (!probe || named === undefined) return listenedPatch(view, told)
  const names = (probe.container.ports ?? []).flatMap(({ name }) => name ?? [])
  const near = nearest(named, names)
  const port = near[0] ?? (names.length === 1 ? names[0] : undefined)
  const maker = makerOf(view, told.pod)
  if (port === undefined || near.length > 1 || maker.kind !== 'Deployment') return undefined
  return patchOf(maker, probe, port)
}

function patchOf(
  maker: ReturnType<typeof makerOf>,
  { container, type, probe }: NonNullable<Trouble['probe']>,
  port: number | string,
): Patch {
  const change = { name: container.name, [type]: { [probe.httpGet ? 'httpGet' : 'tcpSocket']: { port } } }
  return { ...referTo(maker), type: 'strategic', body: { spec: { template: { spec: { containers: [change] } } } } }
}

/** The port where somebody listens, if there is one only. */
function listenedPatch(view: View, { pod, trouble: { probe } }: Told): Patch | undefined {
  const maker = makerOf(view, pod)
  const action = probe?.probe.httpGet ?? probe?.probe.tcpSocket
  const facts = machinesOf(view).pods.get(podKey(pod))?.pod
  if (!probe || !action || !facts || maker.kind !== 'Deployment' || !/refused/i.test(probe.said)) return undefined
  const listening = facts.sockets.filter(
    (socket) =>
      socket.protocol === 'tcp' &&
      !isLoopback(socket) &&
      (socket.container === undefined || socket.container === probe.container.name),
  )
  const ports = [...new Set(listening.map(({ port }) => port))]
  const [port] = ports
  if (ports.length !== 1 || port === undefined) return undefined
  return patchOf(maker, probe, port)
}

/** Not ended, and not on its way out. */
function lives(pod: Pod): boolean {
  return isAlive(pod) && pod.metadata.deletionTimestamp === undefined
}

function eventsOfPods(events: readonly Event[]): ReadonlyMap<string, readonly Event[]> {
  const ofPods = events.filter(({ involvedObject }) => involvedObject.kind === 'Pod')
  return Map.groupBy(ofPods, ({ involvedObject: { namespace, name } }) => `${namespace}/${name}`)
}
