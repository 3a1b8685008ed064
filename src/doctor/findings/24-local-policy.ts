import { parseAddress } from '../../base/address.ts'
import { ownerOf } from '../../trace/cluster.ts'
import { keptOut } from '../../trace/kept-out.ts'
import { transportOf } from '../../trace/target.ts'
import type { Check } from '../types.ts'
import { referTo } from './finding.ts'

/** The service has pods, and its own rules keep this request from them: who may send, and from which node. */
export const check: Check = {
  number: 24,
  title: 'timeout: a traffic policy of Local, and no pod on the node',
  codes: ['NoPodOnNode', 'SourceRange'],
  needs: 'objects',
  find: ({ cluster, request }) => {
    const last = request?.hops.at(-1)
    if (!request?.to || request.verdict === 'delivered' || last?.action !== 'dropped' || last.component !== 'proxy')
      return []
    const { to, target } = request
    const from = parseAddress(last.packet.src.slice(0, last.packet.src.lastIndexOf(':')))
    const owner = ownerOf(cluster, to.address)
    if (from === undefined || (owner.kind !== 'service' && owner.kind !== 'node')) return []
    const protocol = transportOf(target.protocol)
    const kept = keptOut(cluster, { from, to: to.address, port: to.port, protocol, node: last.node })
    if (!kept) return []
    return [
      {
        number: 24,
        code: kept.code,
        level: 'error',
        object: referTo(owner.kind === 'service' ? owner.service : owner.node),
        sure: 'certain',
        evidence: [last.because],
        say: kept.say,
        fix: kept.fix,
      },
    ]
  },
}
