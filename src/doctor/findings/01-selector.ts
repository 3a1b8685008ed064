import type { Service } from '../../api/objects/service.ts'
import { readyEndpoints } from '../../trace/cluster/cluster.ts'
import { directoryOf, type Labels, meets, spaceOf } from '../directory.ts'
import type { Check, Finding, View } from '../types.ts'
import { ageOf, failedAt, nameOf, referTo } from './finding.ts'
import { meantBy } from './near-labels.ts'

/** A service with nobody behind it, because its selector is nobody's labels. */
export const check: Check = {
  number: 1,
  title: 'refused: the selector of the service matches no pod',
  codes: ['SelectorMatchesNothing', 'ScaledToZero', 'NoSelector', 'PodsNotMade'],
  needs: 'objects',
  find: (view) => view.cluster.services.flatMap((service) => judge(view, service)),
}

/** Pods come some seconds after the service in most manifests. */
const patienceSeconds = 10

function judge(view: View, service: Service): Finding[] {
  const { spec, metadata } = service
  if (spec.type === 'ExternalName' || metadata.deletionTimestamp !== undefined) return []
  const selector = spec.selector ?? {}
  const asked = failedAt(view) === service
  const directory = directoryOf(view.cluster)
  if (Object.keys(selector).length === 0) return unselected(view, service, asked)
  const matching = directory.matching(spaceOf(service), selector)
  // Pods that have ended, or are going, had the labels: the selector is right.
  if (matching.length > 0) return []
  // Somebody writes slices by hand, or pods went a moment ago.
  if ((spec.ports ?? []).some(({ name }) => readyEndpoints(view.cluster, service, name).length > 0)) return []
  const text = Object.entries(selector)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')
  const common = {
    number: 1,
    object: referTo(service),
    sure: 'certain',
    evidence: [{ kind: 'object', text: `${nameOf(service)}: spec.selector ${text}; 0 pods have these labels` }],
  } as const
  const maker = makerOf(view, spaceOf(service), selector)
  if (maker?.pods === 0)
    return [
      {
        ...common,
        code: 'ScaledToZero',
        level: asked ? 'error' : 'info',
        also: [referTo(maker.object)],
        say: `${nameOf(service)} has no pods: ${maker.object.kind.toLowerCase()} ${maker.object.metadata.name} ${reasons[maker.object.kind] ?? 'is scaled to 0'}`,
        fix: maker.fix,
      },
    ]
  if (maker)
    return [
      {
        ...common,
        code: 'PodsNotMade',
        level: 'error',
        also: [referTo(maker.object)],
        early: maker.changing || ageOf(maker.object, view.now) < patienceSeconds,
        say: `${nameOf(service)} has no pods: ${nameOf(maker.object)} shall have ${maker.pods} and has made none${maker.says}`,
        fix: `kubectl -n ${spaceOf(service)} describe ${maker.object.kind.toLowerCase()} ${maker.object.metadata.name}`,
      },
    ]
  const meant = meantBy(directory, spaceOf(service), selector)
  return [
    {
      ...common,
      code: 'SelectorMatchesNothing',
      level: 'error',
      field: meant.key === undefined ? 'spec.selector' : `spec.selector.${meant.key}`,
      early: !meant.near && ageOf(service, view.now) < patienceSeconds,
      say: `${nameOf(service)} selects ${text}, and no pod in namespace ${spaceOf(service)} has that`,
      fix: meant.say,
      ...(meant.change && {
        patch: { ...referTo(service), type: 'merge', body: { spec: { selector: meant.change } } },
      }),
    },
  ]
}

/** Why it has none on purpose. */
const reasons: Readonly<Record<string, string>> = { DaemonSet: 'fits no node', CronJob: 'is not running now' }

/** Somebody else may write the slices of a service without a selector; while there are none, nobody did. */
function unselected(view: View, service: Service, asked: boolean): Finding[] {
  const slices = directoryOf(view.cluster).slices(service)
  if (slices.some(({ endpoints }) => (endpoints ?? []).length > 0)) return []
  // A headless service without a selector is often only a name that something else uses.
  if (!asked && (service.spec.clusterIP === 'None' || slices.length > 0)) return []
  return [
    {
      number: 1,
      code: 'NoSelector',
      level: asked ? 'error' : 'warning',
      object: referTo(service),
      field: 'spec.selector',
      sure: asked ? 'certain' : 'likely',
      early: ageOf(service, view.now) < patienceSeconds,
      evidence: [{ kind: 'object', text: `${nameOf(service)}: no spec.selector, ${slices.length} EndpointSlices` }],
      say: `${nameOf(service)} has no selector, so nobody fills in its pods`,
      fix: 'give it a selector, or make an EndpointSlice by hand',
    },
  ]
}

interface Maker {
  readonly object: { kind: string; metadata: View['cluster']['pods'][number]['metadata']; apiVersion: string }
  readonly pods: number
  readonly fix: string
  /** It has been changed a moment ago, or is at work on a change: between its old pods and its new ones may be none. */
  readonly changing: boolean
  /** Why it makes none, in its own words. */
  readonly says: string
}

/** What would make pods with these labels. */
function makerOf({ cluster, workloads = [], now }: View, namespace: string, selector: Labels): Maker | undefined {
  const here = <T extends { metadata: { namespace?: string } }>(all: readonly T[]): T[] =>
    all.filter(({ metadata }) => metadata.namespace === namespace)
  const all = [
    ...here(cluster.deployments),
    ...here(cluster.replicaSets).filter(
      ({ metadata }) => !metadata.ownerReferences?.some(({ controller }) => controller),
    ),
    ...here(workloads),
  ]
  const makers = all
    .filter(
      ({ metadata, spec }) =>
        metadata.deletionTimestamp === undefined && meets(spec.template.metadata?.labels, selector),
    )
    .map((object): Maker => {
      const status: Status | undefined = object.status
      const pods =
        object.kind === 'CronJob'
          ? 0
          : object.kind === 'DaemonSet'
            ? (status?.desiredNumberScheduled ?? 0)
            : (object.spec.replicas ?? 1)
      const said = status?.conditions?.find(({ type }) => type === 'ReplicaFailure')?.message
      return {
        object,
        pods,
        fix: fixOf(object.kind, namespace, object.metadata.name),
        changing: said === undefined && isChanging(object.metadata, status, now),
        says: said === undefined ? '' : `: ${said}`,
      }
    })
  // Of a blue and a green one that sleeps is no reason: the other shall have pods.
  return makers.find(({ pods }) => pods > 0) ?? makers[0]
}

function fixOf(kind: string, namespace: string, name: string): string {
  const command = `kubectl -n ${namespace}`
  if (kind === 'DaemonSet') return `let a node have the labels that it asks for: ${command} describe daemonset ${name}`
  if (kind === 'CronJob')
    return `wait for its time, or begin it now: ${command} create job ${name}-now --from=cronjob/${name}`
  return `${command} scale ${kind.toLowerCase()} ${name} --replicas=1`
}

interface Status {
  readonly observedGeneration?: number
  readonly desiredNumberScheduled?: number
  readonly conditions?: { type: string; message?: string; lastUpdateTime?: string; lastTransitionTime?: string }[]
}

function isChanging({ generation = 0 }: { generation?: number }, status: Status | undefined, now: number): boolean {
  const { observedGeneration, conditions = [] } = status ?? {}
  if (observedGeneration !== undefined && observedGeneration < generation) return true
  return conditions.some(({ lastUpdateTime, lastTransitionTime }) =>
    [lastUpdateTime, lastTransitionTime].some((time) => now - Date.parse(time ?? '') < patienceSeconds * 1000),
  )
}
