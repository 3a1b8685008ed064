import type { Pod } from '../../api/objects/pod.ts'
import type { Service, ServicePort } from '../../api/objects/service.ts'
import { nearest } from '../../base/nearest.ts'
import { isAlive, isReady } from '../../trace/cluster/cluster.ts'
import type { Check, Finding, View } from '../types.ts'
import { nameOf, plural, referTo } from './finding.ts'
import { protocolMeant, takenByOthers } from './meant-port.ts'
import { protocolPatch, targetPortPatch } from './patches.ts'
import { servedPorts } from './served.ts'

/** targetPort is a name, and no container has it: the port is in no slice, so nobody serves it. */
export const check: Check = {
  number: 2,
  title: 'refused: wrong targetPort: no container has it, or nobody listens there',
  codes: ['PortNotInSlice'],
  needs: 'objects',
  find: (view) =>
    servedPorts(view).flatMap(({ service, port, at, endpoints }) =>
      typeof port.targetPort === 'string' && !endpoints.some(({ ready }) => ready)
        ? unknownName(view, service, port, port.targetPort, at)
        : [],
    ),
}

function unknownName(
  view: View,
  service: Service,
  servicePort: ServicePort,
  targetPort: string,
  at: number,
): Finding[] {
  const { cluster } = view
  const { port, protocol = 'TCP' } = servicePort
  const selector = Object.entries(service.spec.selector ?? {})
  const ready = cluster.pods.filter(
    (pod) =>
      pod.metadata.namespace === service.metadata.namespace &&
      pod.metadata.deletionTimestamp === undefined &&
      isAlive(pod) &&
      isReady(pod) &&
      selector.every(([key, value]) => pod.metadata.labels?.[key] === value),
  )
  if (selector.length === 0 || ready.length === 0) return []
  const ports = ready.flatMap(portsOf)
  // The slices are not there yet when a container does have it.
  if (ports.some((one) => one.name === targetPort && one.protocol === protocol)) return []
  const swapped = ports.some((one) => one.name === targetPort) ? protocolMeant(service, servicePort) : undefined
  // What other ports of the service lead to is not meant by this one.
  const taken = takenByOthers(view, service, servicePort)
  const free = ports.filter((one) => one.protocol === protocol && !taken.has(one.number))
  const names = [...new Set(free.flatMap(({ name }) => name ?? []))]
  const numbers = [...new Set(free.map(({ number }) => number))]
  const meant = nearest(targetPort, names)[0] ?? (names.length === 1 ? names[0] : undefined)
  const wanted = meant ?? (numbers.length === 1 ? numbers[0] : undefined)
  const list = ports.map(({ name = '', number, protocol: of }) => `${name === '' ? '' : `${name} `}${number}/${of}`)
  const text =
    list.length === 0 ? 'no container declares a port' : `containers declare ${[...new Set(list)].join(', ')}`
  const common = {
    number: 2,
    code: 'PortNotInSlice',
    level: 'error',
    object: referTo(service),
    sure: 'certain',
    evidence: [{ kind: 'object', text: `${plural(ready.length, 'ready pod')} of ${nameOf(service)}: ${text}` }],
  } as const
  if (swapped !== undefined)
    return [
      {
        ...common,
        field: `spec.ports[${at}].protocol`,
        say: `${nameOf(service)} has port ${port} by ${protocol}, and what its ready pods call ${targetPort} is a port by ${swapped}`,
        fix: `set protocol ${swapped} for port ${port}`,
        patch: protocolPatch(service, at, swapped),
      },
    ]
  return [
    {
      ...common,
      field: `spec.ports[${at}].targetPort`,
      say: `${nameOf(service)} has ready pods, but none of them has the port that targetPort ${targetPort} means`,
      fix:
        wanted === undefined
          ? 'name the port in the container, or write its number'
          : `set targetPort ${wanted} for port ${port}, or name the port in the container ${targetPort}`,
      ...(wanted !== undefined && { patch: targetPortPatch(service, at, wanted) }),
    },
  ]
}

/** Of the containers that go on running: sidecars are init containers that do. */
function portsOf({ spec }: Pod): { name: string | undefined; number: number; protocol: string }[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...spec.containers, ...sidecars]
    .flatMap(({ ports = [] }) => ports)
    .map(({ name, containerPort, protocol = 'TCP' }) => ({ name, number: containerPort, protocol }))
}
