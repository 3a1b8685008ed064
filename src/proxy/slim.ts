import type { Endpoint, EndpointSlice } from '../api/objects/endpointslice.ts'
import { serviceNameLabel } from '../api/objects/endpointslice.ts'
import type { ObjectMeta } from '../api/objects/meta.ts'
import type { Service, ServicePort } from '../api/objects/service.ts'

// What a proxy keeps of objects. A cluster may have a hundred thousand services, every node has a copy of them all, and most of an object as the API
// has it (managed fields, annotations, selectors) is of no use here.

/** A label that gives a service to another proxy (KEP-2447). */
export const otherProxyLabel = 'service.kubernetes.io/service-proxy-name'
/** When the pod or service changed on whose account the slice did: RFC 3339. */
export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

export function slimService(service: Service): Service {
  return orWhole(slimmerService, service)
}

export function slimSlice(slice: EndpointSlice): EndpointSlice {
  return orWhole(slimmerSlice, slice)
}

/** What is malformed is kept as it is, for whoever tells what is wrong with it. */
function orWhole<T>(shape: (object: T) => T, object: T): T {
  try {
    return shape(object)
  } catch {
    return object
  }
}

function slimmerService({ apiVersion, kind, metadata, spec, status }: Service): Service {
  const ingress = status?.loadBalancer?.ingress
  return {
    apiVersion: shared(apiVersion),
    kind,
    metadata: slimMeta(metadata, otherProxyLabel),
    spec: defined({
      type: unusual(spec.type, 'ClusterIP'),
      clusterIP: spec.clusterIP,
      // A copy of clusterIP where there is one family.
      clusterIPs: spec.clusterIPs?.length === 1 && spec.clusterIPs[0] === spec.clusterIP ? undefined : spec.clusterIPs,
      ports: spec.ports?.map(slimPort),
      externalIPs: spec.externalIPs?.length ? spec.externalIPs : undefined,
      externalTrafficPolicy: unusual(spec.externalTrafficPolicy, 'Cluster'),
      internalTrafficPolicy: unusual(spec.internalTrafficPolicy, 'Cluster'),
      loadBalancerSourceRanges: spec.loadBalancerSourceRanges?.length ? spec.loadBalancerSourceRanges : undefined,
      healthCheckNodePort: spec.healthCheckNodePort,
      sessionAffinity: unusual(spec.sessionAffinity, 'None'),
      sessionAffinityConfig: spec.sessionAffinityConfig,
    }),
    ...(ingress?.length ? { status: { loadBalancer: { ingress } } } : {}),
  }
}

function slimmerSlice({ apiVersion, kind, metadata, addressType, endpoints, ports }: EndpointSlice): EndpointSlice {
  const annotation = metadata.annotations?.[triggerTimeAnnotation]
  return {
    apiVersion: shared(apiVersion),
    kind,
    metadata: {
      ...slimMeta(metadata, serviceNameLabel),
      ...(annotation === undefined ? {} : { annotations: { [triggerTimeAnnotation]: annotation } }),
    },
    addressType,
    // Hostile or hand-made slices may lack what the type says is there.
    endpoints: endpoints?.map(slimEndpoint),
    ...(ports
      ? {
          ports: ports.map(({ name, protocol, port }) =>
            defined({ name: shared(name), protocol: shared(protocol), port }),
          ),
        }
      : {}),
  }
}

function slimMeta(
  { name, namespace, uid, resourceVersion, creationTimestamp, labels }: ObjectMeta,
  label: string,
): ObjectMeta {
  const value = labels?.[label]
  return defined({
    name,
    namespace: shared(namespace),
    uid,
    resourceVersion,
    creationTimestamp,
    labels: value === undefined ? undefined : { [label]: value },
  })
}

function slimPort({ name, protocol, port, nodePort }: ServicePort): ServicePort {
  return defined({ name: shared(name), protocol: shared(protocol), port, nodePort })
}

function slimEndpoint({ addresses, conditions, nodeName, hints, targetRef }: Endpoint): Endpoint {
  return defined({
    // All addresses of one endpoint are the same pod; consumers use the first (EndpointSlice API).
    addresses: addresses?.length > 1 ? addresses.slice(0, 1) : addresses,
    conditions: conditions && sharedConditions(conditions),
    nodeName: shared(nodeName),
    hints,
    targetRef: targetRef && defined({ kind: shared(targetRef.kind), name: targetRef.name }),
  })
}

/** Every kind of endpoint there is, once. */
function sharedConditions({
  ready,
  serving,
  terminating,
}: NonNullable<Endpoint['conditions']>): Endpoint['conditions'] {
  const key = `${ready} ${serving} ${terminating}`
  let known = conditionsKnown.get(key)
  if (!known) conditionsKnown.set(key, (known = Object.freeze(defined({ ready, serving, terminating }))))
  return known
}

const conditionsKnown = new Map<string, NonNullable<Endpoint['conditions']>>()

/**
 * The same text, in memory once: names of nodes, namespaces and ports repeat thousands of times. What is not asked for again within many others
 * is forgotten.
 */
function shared<T extends string | undefined>(text: T): T {
  if (text === undefined) return text
  const known = texts.get(text)
  if (known !== undefined) return known as T
  if (texts.size >= mostTexts) texts.clear()
  texts.set(text, text)
  return text
}

const mostTexts = 20_000
const texts = new Map<string, string>()

/** What is meant anyway need not be said. */
function unusual<T extends string>(value: T | undefined, usual: T): T | undefined {
  return value === usual ? undefined : shared(value)
}

/** Without fields that are undefined. */
function defined<T extends object>(object: { [K in keyof T]: T[K] | undefined }): T {
  const kept: Partial<T> = {}
  for (const key of Object.keys(object) as (keyof T)[]) if (object[key] !== undefined) kept[key] = object[key]
  return kept as T
}
