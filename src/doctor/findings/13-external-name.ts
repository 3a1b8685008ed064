import type { Service } from '../../api/objects/service.ts'
import { parseAddress } from '../../base/address.ts'
import { serviceNamed } from '../../trace/ask/resolve.ts'
import { namespaceOf } from '../../trace/origin.ts'
import { spaceOf } from '../directory.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, referTo } from './finding.ts'

/** A service that is only another name: what it names, and what clients say to whom it names. */
export const check: Check = {
  number: 13,
  title: 'wrong Host or certificate, or no address: ExternalName misunderstood',
  codes: [
    'ExternalNameIsAddress',
    'ExternalNameShort',
    'ExternalNameNowhere',
    'ExternalNameLoop',
    'ExternalNamePort',
    'ExternalNameHost',
  ],
  needs: 'objects',
  uses: 'request',
  find: (view) => [
    ...view.cluster.services
      .filter(({ spec, metadata }) => spec.type === 'ExternalName' && metadata.deletionTimestamp === undefined)
      .flatMap((service) => judge(view, service)),
    ...wrongHost(view),
  ],
}

function judge(view: View, service: Service): Finding[] {
  const { cluster } = view
  const target = (service.spec.externalName ?? '').toLowerCase()
  const bare = target.replace(/\.$/, '')
  const common = {
    number: 13,
    object: referTo(service),
    field: 'spec.externalName',
    sure: 'certain',
    evidence: [{ kind: 'object', text: `${nameOf(service)}: externalName ${service.spec.externalName}` }],
  } as const
  const name = nameOf(service)
  if (parseAddress(bare) !== undefined)
    return [
      {
        ...common,
        code: 'ExternalNameIsAddress',
        level: 'error',
        say: `${name} names ${bare}, an address: DNS answers with it as if it were a name, and nobody finds that`,
        fix: `make it a service without a selector (type ClusterIP) and an EndpointSlice with ${bare}`,
      },
    ]
  const full = (one: Service): string => `${one.metadata.name}.${spaceOf(one)}.svc.${cluster.zone}`
  const inside = bare.endsWith(`.svc.${cluster.zone}`)
  const meant = serviceNamed(cluster, bare, spaceOf(service))
  if (inside) {
    if (meant === undefined && bare.split('.').length === cluster.zone.split('.').length + 3)
      return [
        {
          ...common,
          code: 'ExternalNameNowhere',
          level: 'error',
          say: `${name} names ${bare}, and there is no such service`,
          fix: nearby(view, bare) ?? 'name a service that exists: kubectl get services -A',
        },
      ]
    if (meant && leadsBackTo(view, service))
      return [
        {
          ...common,
          code: 'ExternalNameLoop',
          level: 'error',
          say: `${name} names ${bare}, which leads back to it: no name in the circle ever gets an address`,
          fix: 'let one of them name something that has an address',
        },
      ]
    return ports(service)
  }
  // A CNAME's target is never completed with search domains (RFC 1034, 3.6.2).
  if (meant && !bare.includes('.example') && looksLocal(view, bare))
    return [
      {
        ...common,
        code: 'ExternalNameShort',
        level: 'error',
        say: `${name} names "${bare}", which is short for ${full(meant)}: search domains are not tried for what a service names`,
        fix: `write the whole name: ${full(meant)}`,
        patch: { ...referTo(service), type: 'merge', body: { spec: { externalName: full(meant) } } },
      },
    ]
  return ports(service)
}

/** `web`, `web.shop` and `web.shop.svc` are names only with the search domains of a pod. */
function looksLocal({ cluster }: View, name: string): boolean {
  const [, space] = name.split('.')
  return space === undefined || cluster.services.some(({ metadata }) => metadata.namespace === space)
}

/** Ports of an ExternalName are translated by nobody. */
function ports(service: Service): Finding[] {
  const moved = (service.spec.ports ?? []).find(
    ({ port, targetPort }) => targetPort !== undefined && targetPort !== port && typeof targetPort === 'number',
  )
  if (!moved) return []
  return [
    {
      number: 13,
      code: 'ExternalNamePort',
      level: 'warning',
      object: referTo(service),
      field: 'spec.ports',
      sure: 'certain',
      evidence: [{ kind: 'object', text: `${nameOf(service)}: port ${moved.port}, targetPort ${moved.targetPort}` }],
      say: `${nameOf(service)} has port ${moved.port} for ${moved.targetPort}, and an ExternalName is only a name: nobody translates its ports`,
      fix: `clients have to ask for port ${moved.targetPort} themselves`,
      patch: { ...referTo(service), type: 'merge', body: { spec: { ports: null } } },
    },
  ]
}

function leadsBackTo({ cluster }: View, service: Service): boolean {
  const seen = new Set<Service>()
  for (let at: Service | undefined = service; at?.spec.type === 'ExternalName' && !seen.has(at); ) {
    seen.add(at)
    at = serviceNamed(cluster, (at.spec.externalName ?? '').toLowerCase(), spaceOf(at))
    if (at === service) return true
  }
  return false
}

function nearby({ cluster }: View, name: string): string | undefined {
  const [first] = name.split('.')
  const there = cluster.services.filter(({ metadata }) => metadata.name === first)
  if (there.length === 0) return undefined
  return `a service ${first} is in ${there.map(spaceOf).join(', ')}: ${there.map((one) => `${first}.${spaceOf(one)}.svc.${cluster.zone}`).join(' or ')}`
}

/** HTTP goes through, and says the name that was asked for: whoever stands behind it may know only its own. */
function wrongHost({ cluster, request }: View): Finding[] {
  if (!request || request.target.host.kind !== 'name' || request.result?.kind !== 'sent') return []
  const { target, result, source } = request
  if (target.protocol !== 'http' && target.protocol !== 'https') return []
  const { name } = request.target.host
  const service = serviceNamed(cluster, name, namespaceOf(source) ?? 'default')
  if (service?.spec.type !== 'ExternalName') return []
  const status = Number(result.status?.split(' ')[0])
  const refused = result.outcome === 'connected' || [400, 403, 404, 421].includes(status)
  const tls = target.protocol === 'https'
  if (!refused && !tls) return []
  const other = service.spec.externalName ?? ''
  const what = result.status === undefined ? 'the connection ended' : `the answer was ${result.status}`
  return [
    {
      number: 13,
      code: 'ExternalNameHost',
      level: 'warning',
      object: referTo(service),
      field: 'spec.externalName',
      sure: refused ? 'likely' : 'possible',
      evidence: [
        { kind: 'object', text: `${nameOf(service)}: externalName ${other}` },
        { kind: 'packet', text: `${tls ? 'SNI and Host' : 'Host'}: ${name}; ${what}` },
      ],
      say: `${nameOf(service)} is another name for ${other}, and clients that use it say "${name}" to ${other}, as Host${tls ? ' and in TLS, whose certificate is for other names' : ''}; ${what}`,
      fix: `use ${other} itself, or let clients send that as Host${tls ? ' and server name' : ''}`,
    },
  ]
}
