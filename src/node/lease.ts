import { ApiError, type Client } from '../api/client/client.ts'
import { messageOf } from '../base/errors.ts'
import type { Log } from '../base/log.ts'

const namespace = 'kube-node-lease'
/** kubelet's values: the control plane takes a node for lost 40 s after its last sign of life. */
const everyMs = 10_000
const leaseDurationSeconds = 40

/** Renews the node's Lease until closed (KEP-589): small, so that a heartbeat does not rewrite the whole Node. */
export function keepLease(client: Client, node: string, log: Log): { close(): void } {
  const beat = async (): Promise<void> => {
    const spec = { holderIdentity: node, leaseDurationSeconds, renewTime: microTime(new Date()) }
    try {
      await client.patch('Lease', node, namespace, { spec })
    } catch (error) {
      if (!(error instanceof ApiError) || error.code !== 404) throw error
      await client.create('Lease', { metadata: { name: node, namespace }, spec })
    }
  }
  const now = (): void => {
    beat().catch((error: unknown) => log.warn({ error: messageOf(error) }, 'the lease was not renewed; trying again'))
  }
  const timer = setInterval(now, everyMs)
  now()
  return { close: () => clearInterval(timer) }
}

/** metav1.MicroTime: six digits behind the second. */
function microTime(of: Date): string {
  return of.toISOString().replace('Z', '000Z')
}
