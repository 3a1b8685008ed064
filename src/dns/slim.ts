import type { Endpoint, EndpointSlice } from '../api/objects/endpointslice.ts'
import { serviceNameLabel } from '../api/objects/endpointslice.ts'
import type { ObjectMeta } from '../api/objects/meta.ts'
import type { Pod } from '../api/objects/pod.ts'
import type { Service } from '../api/objects/service.ts'
import type { Namespace } from '../api/objects/simple.ts'
import { triggerTime } from './programming.ts'

// What a name server keeps of objects: of a large cluster everything is here, and most of an object as the API has it (managed fields, annotations, where
// endpoints run) says nothing about names.

export function slimService(service: Service): Service {
  return orWhole(slimmerService, service)
}

export function slimSlice(slice: EndpointSlice): EndpointSlice {
  return orWhole(slimmerSlice, slice)
}

export function slimPod(pod: Pod): Pod {
  return orWhole(slimmerPod, pod)
}

export function slimNamespace(namespace: Namespace): Namespace {
  return orWhole(({ apiVersion, kind, metadata }) => ({ apiVersion, kind, metadata: slimMeta(metadata) }), namespace)
}

/** What is malformed is kept as it is, for whoever tells what is wrong with it. */
function orWhole<T>(shape: (object: T) => T, object: T): T {
  try {
    return shape(object)
  } catch {
    return object
  }
}

function slimmerService({ apiVersion, kind, metadata, spec }: Service): Service {
  const { type, externalName, clusterIP, clusterIPs, ports, publishNotReadyAddresses, selector } = spec
  return {
    apiVersion: shared(apiVersion),
    kind,
    metadata: slimMeta(metadata),
    spec: {
      ...(type === 'ExternalName' ? { type } : {}),
      ...(type === 'ExternalName' && externalName !== undefined ? { externalName } : {}),
      ...(clusterIP === undefined ? {} : { clusterIP: clusterIP === 'None' ? 'None' : clusterIP }),
      // A copy of clusterIP where there is one family.
      ...(clusterIPs && clusterIPs.length > 1 ? { clusterIPs } : {}),
      ...(ports && ports.length > 0 ? { ports: sharedPorts(ports) as NonNullable<typeof ports> } : {}),
      ...(publishNotReadyAddresses ? { publishNotReadyAddresses } : {}),
      // Only that there is one.
      ...(selector ? { selector: some } : {}),
    },
  }
}

function slimmerSlice({ apiVersion, kind, metadata, addressType, endpoints, ports }: EndpointSlice): EndpointSlice {
  const service = metadata.labels?.[serviceNameLabel]
  const time = metadata.annotations?.[triggerTime]
  return {
    apiVersion: shared(apiVersion),
    kind,
    metadata: {
      ...slimMeta(metadata),
      ...(service === undefined ? {} : { labels: { [serviceNameLabel]: service } }),
      ...(time === undefined ? {} : { annotations: { [triggerTime]: time } }),
    },
    addressType: shared(addressType),
    // Slices made by hand may lack what the type says is there.
    endpoints: endpoints?.map(slimEndpoint),
    ...(ports ? { ports: sharedPorts(ports) as NonNullable<typeof ports> } : {}),
  }
}

function slimmerPod({ apiVersion, kind, metadata, spec, status }: Pod): Pod {
  const { hostNetwork, dnsPolicy, dnsConfig } = spec
  const { podIP, podIPs, phase } = status ?? {}
  return {
    apiVersion: shared(apiVersion),
    kind,
    metadata: slimMeta(metadata),
    spec: {
      containers: noContainers,
      ...(hostNetwork ? { hostNetwork } : {}),
      ...(dnsPolicy === undefined || dnsPolicy === 'ClusterFirst' ? {} : { dnsPolicy: shared(dnsPolicy) }),
      ...(dnsConfig?.searches ? { dnsConfig: { searches: dnsConfig.searches } } : {}),
    },
    status: {
      ...(phase === undefined ? {} : { phase: shared(phase) }),
      ...(podIPs && podIPs.length > 1 ? { podIPs } : podIP === undefined ? {} : { podIP }),
    },
  }
}

function slimMeta({ name, namespace, uid, resourceVersion }: ObjectMeta): ObjectMeta {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace: shared(namespace) }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  }
}

function slimEndpoint({ addresses, conditions, hostname }: Endpoint): Endpoint {
  return {
    addresses,
    // Whether it is ready is all that names depend on.
    ...(conditions?.ready === false ? { conditions: notReady } : {}),
    ...(hostname === undefined ? {} : { hostname }),
  }
}

const notReady: NonNullable<Endpoint['conditions']> = Object.freeze({ ready: false })
const some: NonNullable<Service['spec']['selector']> = Object.freeze({})
const noContainers: Pod['spec']['containers'] = []

type Port = { name?: string; protocol?: 'TCP' | 'UDP' | 'SCTP'; port?: number }

/** Most services have ports that others have, too. */
function sharedPorts(ports: readonly Port[]): readonly Port[] {
  const kept = ports.map(({ name, protocol, port }) => ({
    ...(name === undefined ? {} : { name }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(port === undefined ? {} : { port }),
  }))
  return known(portLists, JSON.stringify(kept), kept)
}

/** The same text, in memory once. */
function shared<T extends string>(text: T): T {
  return known(texts, text, text) as T
}

/** What is not asked for again within many others is forgotten. */
function known<T>(all: Map<string, T>, key: string, value: T): T {
  const before = all.get(key)
  if (before !== undefined) return before
  if (all.size >= most) all.clear()
  all.set(key, value)
  return value
}

const most = 10_000
const texts = new Map<string, string>()
const portLists = new Map<string, readonly Port[]>()
