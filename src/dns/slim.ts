import type { Endpoint, EndpointSlice } from '../api/objects/endpointslice.ts'
import type { Pod } from '../api/objects/pod.ts'
import type { Service } from '../api/objects/service.ts'
import type { Namespace } from '../api/objects/simple.ts'
import { defined, kept, orWhole, shared, slimMeta, slimSliceMeta } from '../api/slim.ts'

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
  return {
    apiVersion: shared(apiVersion),
    kind,
    metadata: slimSliceMeta(metadata),
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
  const slim = ports.map(({ name, protocol, port }): Port => defined({ name, protocol, port }))
  return kept(portLists, JSON.stringify(slim), slim)
}

const portLists = new Map<string, readonly Port[]>()
