import { ownerOf } from '../../trace/cluster.ts'
import { transportOf } from '../../trace/target.ts'
import type { Check } from '../types.ts'
import { nameOf, referTo } from './finding.ts'

/** The service exists, the port does not. */
export const check: Check = {
  number: 7,
  title: 'refused: port, nodePort and targetPort confused',
  codes: ['NoSuchPort'],
  needs: 'request',
  find: ({ cluster, request }) => {
    if (!request?.to || request.verdict === 'delivered') return []
    const { to, target } = request
    const owner = ownerOf(cluster, to.address)
    if (owner.kind !== 'service') return []
    const protocol = transportOf(target.protocol).toUpperCase()
    const ports = owner.service.spec.ports ?? []
    if (ports.some((one) => one.port === to.port && (one.protocol ?? 'TCP') === protocol)) return []
    const meant = ports.find((one) => one.targetPort === to.port || one.nodePort === to.port)
    const list = ports.map((one) => `${one.port}/${one.protocol ?? 'TCP'}`).join(', ')
    const which =
      meant === undefined
        ? ''
        : `; ${to.port} is its ${meant.nodePort === to.port ? 'nodePort' : 'targetPort'}, which is meant for others`
    return [
      {
        number: 7,
        code: 'NoSuchPort',
        level: 'error',
        object: referTo(owner.service),
        field: 'spec.ports',
        sure: 'certain',
        evidence: [{ kind: 'object', text: `${nameOf(owner.service)}: ports ${list === '' ? 'none' : list}` }],
        say: `${nameOf(owner.service)} has no port ${to.port}/${protocol}; it has ${list === '' ? 'none' : list}${which}`,
        fix: `ask for port ${meant?.port ?? ports[0]?.port ?? '...'}, or add port ${to.port} to the service`,
      },
    ]
  },
}
