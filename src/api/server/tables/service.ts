import type { EndpointSlice } from '../../objects/endpointslice.ts'
import type { Service } from '../../objects/service.ts'
import { formatSelector } from '../../select/labels.ts'
import { ageColumn, type Columns, joined, nameColumn, none, text } from './column.ts'

export const serviceColumns: Columns<Service> = [
  nameColumn,
  text('Type', ({ spec }) => spec.type ?? ''),
  text('Cluster-IP', ({ spec }) => spec.clusterIP || none),
  text('External-IP', externalIp),
  text('Port(s)', ({ spec }) =>
    joined(
      (spec.ports ?? []).map(
        ({ port, nodePort, protocol }) => `${nodePort ? `${port}:${nodePort}` : port}/${protocol}`,
      ),
    ),
  ),
  ageColumn,
  text('Selector', ({ spec }) => formatSelector({ matchLabels: spec.selector ?? {} }) || none, true),
]

function externalIp({ spec, status }: Service): string {
  const given = spec.externalIPs ?? []
  if (spec.type === 'ExternalName') return spec.externalName || none
  if (spec.type !== 'LoadBalancer') return joined(given)
  const balanced = (status?.loadBalancer?.ingress ?? []).map((one) => one.ip || one.hostname || '')
  const all = [...new Set(balanced.filter((one) => one !== ''))].toSorted().concat(given)
  return all.length === 0 ? '<pending>' : all.join(',')
}

const shown = 3

export const endpointSliceColumns: Columns<EndpointSlice> = [
  nameColumn,
  text('AddressType', (slice) => slice.addressType),
  text('Ports', ({ ports }) => {
    if (!ports?.length) return '<unset>'
    return few(ports.map((one) => (one.port === undefined ? '*' : String(one.port))))
  }),
  text('Endpoints', ({ endpoints }) => {
    const addresses = endpoints.flatMap((one) => one.addresses)
    return addresses.length === 0 ? '<unset>' : few(addresses)
  }),
  ageColumn,
]

function few(values: string[]): string {
  return values.length <= shown
    ? values.join(',')
    : `${values.slice(0, shown).join(',')} + ${values.length - shown} more...`
}
