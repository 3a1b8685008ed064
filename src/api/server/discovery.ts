import { createHash } from 'node:crypto'
import { version as kubehop } from '../../base/version.ts'
import { allResources, type Resource } from '../resources.ts'

/** What `/version` says: the Kubernetes release whose API this is, and in gitVersion who speaks it. */
export const versionInfo: Readonly<Record<string, string>> = {
  major: '1',
  minor: '35',
  gitVersion: `v1.35.0+kubehop-${kubehop}`,
  gitCommit: '',
  gitTreeState: 'clean',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: 'node',
  platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
}

/** The documents by which clients find out what is served. undefined: nothing is at this path. */
export function discovery(path: string, accept: string): { body: object; type?: string } | undefined {
  const aggregated = aggregatedVersion(accept)
  if (path === '/api')
    return aggregated ? aggregate([''], aggregated) : { body: { kind: 'APIVersions', versions: ['v1'] } }
  if (path === '/apis') {
    const groups = groupNames.filter((group) => group !== '')
    return aggregated
      ? aggregate(groups, aggregated)
      : { body: { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupInfo) } }
  }
  if (path === '/api/v1') return { body: resourceList('', 'v1') }
  const [, root, group = '', version] = path.split('/')
  if (root !== 'apis' || !groupNames.includes(group) || group === '') return undefined
  if (version === undefined) return { body: { kind: 'APIGroup', apiVersion: 'v1', ...groupInfo(group) } }
  return version === versionOf(group) ? { body: resourceList(group, version) } : undefined
}

export interface Served {
  name: string
  kind: string
  group: string
  namespaced: boolean
  verbs: readonly string[]
  resource?: Resource
  /** The group and version of a subresource's own kind, where they are others. */
  of?: { group: string; version: string }
}

const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const
const statusVerbs = ['get', 'patch', 'update'] as const

/** Every resource and subresource, in discovery's order. */
const served: readonly Served[] = [
  ...allResources.flatMap((resource): Served[] => {
    const { plural, kind, group, namespaced } = resource
    const sub = (
      name: string,
      verbs: readonly string[],
      of?: { kind: string; group: string; version: string },
    ): Served => ({
      name: `${plural}/${name}`,
      kind: of?.kind ?? kind,
      group,
      namespaced,
      verbs,
      ...(of && { of }),
    })
    return [
      { name: plural, kind, group, namespaced, verbs: allVerbs, resource },
      ...(resource.status ? [sub('status', statusVerbs)] : []),
      ...(resource.scale ? [sub('scale', statusVerbs, { kind: 'Scale', group: 'autoscaling', version: 'v1' })] : []),
      ...(kind === 'Namespace' ? [sub('finalize', ['update'])] : []),
      ...(kind === 'Node'
        ? [
            sub('proxy', ['create', 'delete', 'get', 'patch', 'update'], {
              kind: 'NodeProxyOptions',
              group: '',
              version: 'v1',
            }),
          ]
        : []),
      ...(kind === 'Pod'
        ? [
            sub('binding', ['create'], { kind: 'Binding', group: '', version: 'v1' }),
            sub('attach', ['create', 'get'], { kind: 'PodAttachOptions', group: '', version: 'v1' }),
            sub('ephemeralcontainers', statusVerbs),
            sub('exec', ['create', 'get'], { kind: 'PodExecOptions', group: '', version: 'v1' }),
            sub('portforward', ['create', 'get'], { kind: 'PodPortForwardOptions', group: '', version: 'v1' }),
            sub('log', ['get']),
          ]
        : []),
      ...(kind === 'ServiceAccount'
        ? [sub('token', ['create'], { kind: 'TokenRequest', group: 'authentication.k8s.io', version: 'v1' })]
        : []),
    ]
  }),
  {
    name: 'selfsubjectreviews',
    kind: 'SelfSubjectReview',
    group: 'authentication.k8s.io',
    namespaced: false,
    verbs: ['create'],
  },
  {
    name: 'selfsubjectaccessreviews',
    kind: 'SelfSubjectAccessReview',
    group: 'authorization.k8s.io',
    namespaced: false,
    verbs: ['create'],
  },
]

const groupNames = [...new Set(served.map((one) => one.group))]

/** Each group is served in one version. */
function versionOf(group: string): string {
  return allResources.find((one) => one.group === group)?.version ?? 'v1'
}

function groupInfo(name: string): object {
  const version = { groupVersion: `${name}/${versionOf(name)}`, version: versionOf(name) }
  return { name, versions: [version], preferredVersion: version }
}

function resourceList(group: string, version: string): object {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: served
      .filter((one) => one.group === group)
      .map(({ name, kind, namespaced, verbs, resource, of }) => ({
        name,
        singularName: resource ? kind.toLowerCase() : '',
        namespaced,
        ...(of && { group: of.group, version: of.version }),
        kind,
        verbs,
        ...(resource?.shortNames.length && { shortNames: resource.shortNames }),
        ...(resource?.categories.length && { categories: resource.categories }),
        ...(resource && {
          storageVersionHash: createHash('sha256').update(`${group}/${kind}`).digest('base64').slice(0, 12),
        }),
      })),
  }
}

/** KEP-3352: everything in two documents instead of one request per group. */
function aggregatedVersion(accept: string): string | undefined {
  if (!accept.includes('as=APIGroupDiscoveryList')) return undefined
  return /v=v2(?!beta)/.test(accept) ? 'v2' : accept.includes('v=v2beta1') ? 'v2beta1' : undefined
}

function aggregate(groups: readonly string[], version: string): { body: object; type: string } {
  const items = groups.map((group) => ({
    metadata: { name: group, creationTimestamp: null },
    versions: [
      {
        version: versionOf(group),
        freshness: 'Current',
        resources: served.filter((one) => one.group === group && !one.name.includes('/')).map(aggregated),
      },
    ],
  }))
  return {
    body: { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items },
    type: `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
  }
}

function aggregated({ name, kind, group, namespaced, verbs, resource }: Served): object {
  const subresources = served
    .filter((one) => one.group === group && one.name.startsWith(`${name}/`))
    .map((one) => ({
      subresource: one.name.slice(name.length + 1),
      responseKind: { group: one.of?.group ?? group, version: one.of?.version ?? versionOf(group), kind: one.kind },
      verbs: one.verbs,
    }))
  return {
    resource: name,
    responseKind: { group, version: versionOf(group), kind },
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.toLowerCase(),
    verbs,
    ...(resource?.shortNames.length && { shortNames: resource.shortNames }),
    ...(resource?.categories.length && { categories: resource.categories }),
    ...(subresources.length > 0 && { subresources }),
  }
}
