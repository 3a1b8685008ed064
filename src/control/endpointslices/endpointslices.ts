import { type Change, keyOf } from '../../api/client/client.ts'
import { type Endpoint, type EndpointSlice, serviceNameLabel } from '../../api/objects/endpointslice.ts'
import type { Node } from '../../api/objects/node.ts'
import type { Pod } from '../../api/objects/pod.ts'
import type { Service } from '../../api/objects/service.ts'
import { selectorMatches } from '../../api/select/labels.ts'
import { type Action, nothing, remove } from '../action.ts'
import { isTerminating } from '../conditions.ts'
import { bothOf, type Loop } from '../loop.ts'
import type { View } from '../view.ts'
import { type Family, groupsOf, type NodeLabels, zoneLabel } from './endpoints.ts'
import { managedByLabel, manager, sliceActions } from './slices.ts'

/** Keeps, for every service with a selector, the slices that list the pods behind it and whether they are ready. */
export const endpointSlices: Loop = {
  name: 'endpoint-slices',
  wakes: {
    Service: ({ object }) => [keyOf(object)],
    EndpointSlice: (change) => bothOf(change).flatMap(serviceOf),
    Pod: (change, view) => bothOf(change).flatMap((pod) => servicesFor(pod, view)),
    // Endpoints carry the zone of their node, and go with it.
    Node: (change, view) => (placesDiffer(change) ? servicesOn(change.object.metadata.name, view) : []),
  },
  desired(key, view) {
    const service = view.get('Service', key)
    // The slices of a deleted service go with their owner, as garbage.
    if (!service) return nothing
    const own = slicesOf(service, view)
    if (isTerminating(service) || service.spec.type === 'ExternalName')
      return { actions: own.map((slice) => remove(slice)) }
    // Without a selector somebody else writes the slices.
    if (Object.keys(service.spec.selector ?? {}).length === 0) return nothing
    return { actions: reconcile(service, own, view) }
  },
}

/** Found by their owner, so that it costs the same at any number of services. */
function slicesOf(service: Service, view: View): EndpointSlice[] {
  return [...view.dependents(service.metadata.uid ?? '')].filter(
    (object): object is EndpointSlice =>
      object.kind === 'EndpointSlice' &&
      object.metadata.labels?.[serviceNameLabel] === service.metadata.name &&
      object.metadata.labels[managedByLabel] === manager &&
      !isTerminating(object),
  )
}

function reconcile(service: Service, own: EndpointSlice[], view: View): Action[] {
  const namespace = service.metadata.namespace ?? ''
  const selector = { matchLabels: service.spec.selector ?? {} }
  const pods = [...view.inNamespace('Pod', namespace)].filter((pod) => selectorMatches(selector, pod.metadata.labels))
  const byUid = new Map(pods.map((pod) => [pod.metadata.uid, pod]))
  const labelsOf: NodeLabels = (name) => {
    const node = view.get('Node', name)
    return node && (node.metadata.labels ?? {})
  }
  const readySince = ({ targetRef }: Endpoint): string | undefined =>
    byUid.get(targetRef?.uid)?.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime
  const families = familiesOf(service)
  const foreign = own.filter((slice) => !families.some((family) => family === slice.addressType))
  return [
    ...foreign.map((slice) => remove(slice)),
    ...families.flatMap((family) =>
      sliceActions(
        service,
        family,
        groupsOf(service, pods, family, labelsOf),
        own.filter((slice) => slice.addressType === family),
        readySince,
      ),
    ),
  ]
}

/** The families that the API server gave the service; IPv4 where it says nothing. */
function familiesOf({ spec }: Service): Family[] {
  return spec.ipFamilies?.length ? spec.ipFamilies : ['IPv4']
}

function serviceOf(slice: EndpointSlice): string[] {
  const name = slice.metadata.labels?.[serviceNameLabel]
  return name === undefined ? [] : [`${slice.metadata.namespace}/${name}`]
}

function servicesFor({ metadata }: Pod, view: View): string[] {
  return [...view.selecting(metadata.namespace ?? '', metadata.labels)].map(keyOf)
}

/** A node that came or went, or another zone. */
function placesDiffer(change: Change<Node>): boolean {
  return change.type !== 'modified' || zoneOf(change.object) !== zoneOf(change.old)
}

function zoneOf({ metadata }: Node): string | undefined {
  return metadata.labels?.[zoneLabel]
}

function* servicesOn(node: string, view: View): Iterable<string> {
  for (const pod of view.all('Pod')) if (pod.spec.nodeName === node) yield* servicesFor(pod, view)
}
