import type { Endpoint, EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Service, ServicePort } from '../api/objects/service.ts'
import { defined, only, orWhole, shared, slimMeta, slimSliceMeta } from '../api/slim.ts'

// What a proxy keeps of objects. A cluster may have a hundred thousand services, every node has a copy of them all, and most of an object as the API
// has it (managed fields, annotations, selectors) is of no use here.

/** A label that gives a service to another proxy (KEP-2447). */
export const otherProxyLabel = 'service.kubernetes.io/service-proxy-name'

export function slimService(service: Service): Service {
  return orWhole(slimmerService, service)
}

export function slimSlice(slice: EndpointSlice): EndpointSlice {
  return orWhole(slimmerSlice, slice)
}

function slimmerService({ apiVersion, kind, metadata, spec, status }: Service): Service {
  const ingress = status?.loadBalancer?.ingress
  return {
    apiVersion: shared(apiVersion),
    kind,
    metadata: slimMeta(metadata, {
      // By age, services that want the same come in an order.
      creationTimestamp: metadata.creationTimestamp,
      labels: only(metadata.labels, otherProxyLabel),
    }),
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
  return {
    apiVersion: shared(apiVersion),
    kind,
    metadata: slimSliceMeta(metadata),
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

/** What is meant anyway need not be said. */
function unusual<T extends string>(value: T | undefined, usual: T): T | undefined {
  return value === usual ? undefined : shared(value)
}
