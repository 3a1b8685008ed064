import type { KindName } from './objects/index.ts'

/** How a kind is reached over REST: what discovery tells and what every client needs to make a path. */
export interface Resource {
  readonly kind: KindName
  /** '' for the core group. */
  readonly group: string
  readonly version: 'v1' | 'v1alpha1'
  readonly plural: string
  readonly namespaced: boolean
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  /** Has a `/status` of its own: ordinary updates leave the status alone. */
  readonly status: boolean
  readonly scale: boolean
}

export const resources: Readonly<Record<KindName, Resource>> = {
  ConfigMap: resource('ConfigMap', '', 'configmaps', { shortNames: ['cm'] }),
  Deployment: resource('Deployment', 'apps', 'deployments', {
    shortNames: ['deploy'],
    categories: ['all'],
    status: true,
    scale: true,
  }),
  EndpointSlice: resource('EndpointSlice', 'discovery.k8s.io', 'endpointslices', {}),
  Event: resource('Event', '', 'events', { shortNames: ['ev'] }),
  Lease: resource('Lease', 'coordination.k8s.io', 'leases', {}),
  Namespace: resource('Namespace', '', 'namespaces', { shortNames: ['ns'], namespaced: false, status: true }),
  NetworkPolicy: resource('NetworkPolicy', 'networking.k8s.io', 'networkpolicies', { shortNames: ['netpol'] }),
  Node: resource('Node', '', 'nodes', { shortNames: ['no'], namespaced: false, status: true }),
  Pod: resource('Pod', '', 'pods', { shortNames: ['po'], categories: ['all'], status: true }),
  ReplicaSet: resource('ReplicaSet', 'apps', 'replicasets', {
    shortNames: ['rs'],
    categories: ['all'],
    status: true,
    scale: true,
  }),
  Secret: resource('Secret', '', 'secrets', {}),
  Service: resource('Service', '', 'services', { shortNames: ['svc'], categories: ['all'], status: true }),
  ServiceAccount: resource('ServiceAccount', '', 'serviceaccounts', { shortNames: ['sa'] }),
  Trace: resource('Trace', 'kubehop.dev', 'traces', { version: 'v1alpha1', shortNames: ['tr'], status: true }),
}

export const allResources: readonly Resource[] = Object.values(resources)

/** `v1`, `apps/v1`. */
export function apiVersionOf(of: Resource): string {
  return of.group === '' ? of.version : `${of.group}/${of.version}`
}

/** All of them, for people: `ConfigMap (v1), Deployment (apps/v1), ...`. */
export function servedKinds(): string {
  return allResources.map((one) => `${one.kind} (${apiVersionOf(one)})`).join(', ')
}

/** `deployments.apps`, `pods`: how messages name a resource. */
export function qualified(of: Resource): string {
  return of.group === '' ? of.plural : `${of.plural}.${of.group}`
}

/** The path of a collection, or of one object (or its subresource) when a name is given. */
export function pathOf(of: Resource, namespace?: string, name?: string, subresource?: string): string {
  const root = of.group === '' ? `/api/${of.version}` : `/apis/${of.group}/${of.version}`
  const within = of.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`
  return `${root}${within}/${of.plural}${object}${subresource === undefined ? '' : `/${subresource}`}`
}

/** The resource that serves an apiVersion and kind, as they stand in a manifest. */
export function resourceOf(apiVersion: string, kind: string): Resource | undefined {
  return allResources.find((one) => one.kind === kind && apiVersionOf(one) === apiVersion)
}

function resource(kind: KindName, group: string, plural: string, rest: Partial<Resource>): Resource {
  return {
    kind,
    group,
    version: 'v1',
    plural,
    namespaced: true,
    shortNames: [],
    categories: [],
    status: false,
    scale: false,
    ...rest,
  }
}
