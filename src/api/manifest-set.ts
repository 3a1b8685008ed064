import { type Cidr, parseAddress } from '../base/address.ts'
import { type Manifest, nameOf } from './manifest.ts'
import type { Service } from './objects/service.ts'
import { noNodePort, outsideOf } from './registry/allocator.ts'
import { resourceOf } from './resources.ts'

/** The cluster that manifests are for, as far as it is known before they are applied. */
export interface Destination {
  serviceCidr?: Cidr
  /** Service addresses that the cluster itself takes, and for what: `100.64.0.10` for `cluster DNS`. */
  taken?: ReadonlyMap<string, string>
  /** Namespaces that are there; undefined when that is not known. */
  namespaces?: readonly string[]
}

/** What is wrong with manifests only when they are looked at together, or together with the cluster; each with file and line. */
export function checkTogether(manifests: readonly Manifest[], to: Destination = {}): string[] {
  return [...twice(manifests), ...homeless(manifests, to.namespaces), ...contested(manifests, to)]
}

function twice(manifests: readonly Manifest[]): string[] {
  const first = new Map<string, Manifest>()
  const errors: string[] = []
  for (const one of manifests) {
    const name = nameOf(one.object)
    const before = first.get(name)
    if (before === undefined) first.set(name, one)
    // Within one file the reader has said so already.
    else if (before.file !== one.file)
      errors.push(told(one, one.line, `stands here a second time, first in ${before.file}:${before.line}`))
  }
  return errors
}

function homeless(manifests: readonly Manifest[], there: readonly string[] | undefined): string[] {
  if (there === undefined) return []
  const known = new Set(there)
  for (const { object } of manifests) if (object.kind === 'Namespace') known.add(object.metadata.name)
  return manifests.flatMap((one) => {
    const { apiVersion, kind, metadata } = one.object
    const { namespace = 'default' } = metadata
    if (!resourceOf(apiVersion, kind)?.namespaced || known.has(namespace)) return []
    return [
      told(
        one,
        one.lineOf('metadata.namespace'),
        `metadata.namespace: there is no namespace ${namespace}, and no manifest makes it`,
      ),
    ]
  })
}

/** Addresses and node ports that are asked for: in their ranges, and each by one service only. */
function contested(manifests: readonly Manifest[], { serviceCidr, taken }: Destination): string[] {
  const addresses = new Map(taken)
  const ports = new Map<number, string>()
  const errors: string[] = []
  for (const one of manifests) {
    if (one.object.kind !== 'Service') continue
    const { spec } = one.object as Service
    const name = nameOf(one.object)
    const wrong = (field: string, say: string): void =>
      void errors.push(told(one, one.lineOf(field), `${field}: ${say}`))
    const ip = spec.clusterIP === undefined ? undefined : parseAddress(spec.clusterIP)
    if (ip !== undefined) {
      const outside = serviceCidr && outsideOf(serviceCidr, ip)
      const holder = addresses.get(ip)
      if (outside !== undefined) wrong('spec.clusterIP', `Invalid value: ${JSON.stringify(ip)}: ${outside}`)
      else if (holder !== undefined && holder !== name)
        wrong('spec.clusterIP', `Invalid value: ${JSON.stringify(ip)}: is taken by ${holder}`)
      addresses.set(ip, name)
    }
    const asked: [field: string, port: number | undefined][] = (spec.ports ?? []).map(({ nodePort }, at) => [
      `spec.ports[${at}].nodePort`,
      nodePort,
    ])
    for (const [field, port] of [...asked, ['spec.healthCheckNodePort', spec.healthCheckNodePort] as const]) {
      if (!port) continue
      const holder = ports.get(port)
      const say = noNodePort(port) ?? (holder === undefined || holder === name ? undefined : `is taken by ${holder}`)
      if (say !== undefined) wrong(field, `Invalid value: ${port}: ${say}`)
      ports.set(port, name)
    }
  }
  return errors
}

function told({ file, object }: Manifest, line: number, say: string): string {
  return `${file}:${line}: ${nameOf(object)}: ${say}`
}
