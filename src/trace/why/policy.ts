import { parseAddress } from '../../base/address.ts'
import { keptOut } from '../kept-out.ts'
import type { Why } from '../types.ts'
import { transportOf } from '../target.ts'
import type { Case } from './why.ts'

/** The service has pods, and its own rules keep this request from them: who may send, and from which node. */
export function notForYou({ cluster, to, verdict, hops, target }: Case): Why[] {
  const last = hops.at(-1)
  if (!to || verdict === 'delivered' || last?.action !== 'dropped' || last.component !== 'proxy') return []
  const from = parseAddress(last.packet.src.slice(0, last.packet.src.lastIndexOf(':')))
  if (from === undefined) return []
  const protocol = transportOf(target.protocol)
  const kept = keptOut(cluster, { from, to: to.address, port: to.port, protocol, node: last.node })
  return kept ? [{ code: kept.code, level: 'error', say: kept.say, fix: kept.fix }] : []
}
