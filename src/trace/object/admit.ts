import { type Fault, fault } from '../../api/errors.ts'
import type { TraceObject } from '../../api/objects/trace.ts'
import { cidr } from '../../base/address.ts'
import { KubehopError } from '../../base/errors.ts'
import { addressOf } from '../ask/resolve.ts'
import { parseSource } from '../ask/source.ts'
import { parseTarget } from '../ask/target.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { oneMachine } from '../special.ts'
import { wishOf } from './wish.ts'

/**
 * What no trace could ever ask, whatever there is in the cluster: refused when the object is made, by field, in the words of `kubehop trace`.
 * The object is valid otherwise: exactly one source and one destination.
 */
export function admitTrace(object: TraceObject): Fault[] {
  const { source, destination } = object.spec
  const { from, to } = wishOf(object)
  const sender = source.pod === undefined ? 'node' : 'pod'
  const wrongSource = source.outside ? undefined : refusalOf(from, () => parseSource(from))
  const faults = wrongSource === undefined ? [] : [fault.invalid(`spec.source.${sender}`, source[sender], wrongSource)]
  const wrong = refusalOf(to, () => parse(to))
  if (wrong === undefined) return faults
  const { port, ...rest } = destination
  const field = destinations.find((name) => destination[name] !== undefined) ?? 'name'
  const { to: bare } = wishOf({ ...object, spec: { ...object.spec, destination: rest } })
  // What is right without its port is wrong by it; what is right but for its port lacks one.
  const isPort = port !== undefined && refusalOf(bare, () => parse(bare, false)) === undefined
  const lacks = port === undefined && refusalOf(to, () => parse(to, false)) === undefined && field !== 'url'
  const path = `spec.destination.${isPort || lacks ? 'port' : field}`
  return [
    ...faults,
    lacks ? fault.required(path, wrong) : fault.invalid(path, isPort ? port : destination[field], wrong),
  ]
}

const destinations = ['url', 'ip', 'name', 'pod', 'service', 'node'] as const

/** As a trace reads it before it looks for anything. @throws KubehopError as there. */
function parse(to: string, withPort = true): void {
  const target = parseTarget(to)
  if (target.host.kind !== 'address') return
  const { address } = addressOf({ ...target, ...(!withPort && { port: 80 }) }, target.host.address)
  oneMachine(nobody, ranges, address, to)
}

/** The words, without the whole that was asked for in front of them: the field says that. */
function refusalOf(text: string, read: () => unknown): string | undefined {
  try {
    read()
    return undefined
  } catch (error) {
    if (!(error instanceof KubehopError)) throw error
    return error.plain.startsWith(`"${text}": `) ? error.plain.slice(text.length + 4) : error.plain
  }
}

/** What depends on the cluster's objects, only the trace itself can find out. */
const nobody: Cluster = {
  pods: [],
  services: [],
  slices: [],
  nodes: [],
  deployments: [],
  replicaSets: [],
  zone: 'cluster.local',
}
const ranges = { pods: cidr('192.0.2.0/24'), services: cidr('192.0.2.0/24') }
