import { nanos } from '../../base/quantity.ts'
import { type Fault, fault } from '../errors.ts'

type Amounts = Partial<Record<string, string | number>>

/** The faults of `resources` of a container, or of a pod as a whole (k8s.io/kubernetes/pkg/apis/core/validation). */
export function validateResources(path: string, resources: Record<string, unknown> | undefined): Fault[] {
  const limits = (resources?.['limits'] ?? {}) as Amounts
  const requests = (resources?.['requests'] ?? {}) as Amounts
  const faults = Object.entries({ limits, requests }).flatMap(([kind, amounts]) =>
    Object.entries(amounts).flatMap(([name, given]) => amount(`${path}.${kind}[${name}]`, given)),
  )
  for (const [name, given] of Object.entries(requests)) {
    const [asked, most] = [read(given), read(limits[name])]
    if (asked === undefined || most === undefined || asked === most) continue
    const of = `${name} limit of ${limits[name]}`
    if (!sharable.has(name)) faults.push(fault.invalid(`${path}.requests`, given, `must be equal to ${of}`))
    else if (asked > most) faults.push(fault.invalid(`${path}.requests`, given, `must be less than or equal to ${of}`))
  }
  return faults
}

/** The faults of one amount of something. */
export function amount(path: string, given: string | number | undefined): Fault[] {
  if (given === undefined || read(given) !== undefined) return []
  return [
    fault.invalid(
      path,
      given,
      String(given).startsWith('-')
        ? 'must be greater than or equal to 0'
        : 'must be a quantity such as 500m, 2 or 64Mi',
    ),
  ]
}

/** Of these a node may promise less than containers take at most; all else is there for one of them alone. */
const sharable: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage'])

function read(given: string | number | undefined): bigint | undefined {
  if (given === undefined) return undefined
  try {
    return nanos(String(given))
  } catch {
    return undefined
  }
}
