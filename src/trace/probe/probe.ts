import { KubehopError } from '../../base/errors.ts'
import type { Address } from '../../base/address.ts'
import { KernelError } from '../../kernel/libc.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Netns } from '../../kernel/netns.ts'
import type { TraceEnvironment } from '../observe/environment.ts'
import { sendRequest } from './request.ts'
import { resolveName } from './resolve.ts'
import type { ProbeResult, ProbeSpec } from './spec.ts'

/** Does for real, from inside the pod's namespace, what a program in the pod would do. */
export async function probe(spec: ProbeSpec, environment: TraceEnvironment, signal: AbortSignal): Promise<ProbeResult> {
  const ns = environment.podNetns(spec.pod)
  if (!ns)
    throw new KubehopError(
      'trace',
      'send the request',
      'NotRunning',
      `pod ${spec.pod} does not run on ${environment.node}`,
    )
  if (spec.kind !== 'resolve') return orPortTaken(() => sendRequest(spec, ns, signal))
  const [resolvConf, hosts] = await Promise.all([
    environment.podFile(spec.pod, 'resolv.conf'),
    environment.podFile(spec.pod, 'hosts'),
  ])
  const { port, timeoutMs } = spec
  const asker = { ns, address: addressOf(ns, spec.pod), port, resolvConf, hosts, timeoutMs, signal }
  return orPortTaken(async () => ({ kind: 'resolved', ...(await resolveName(spec.name, asker)) }))
}

async function orPortTaken(send: () => Promise<ProbeResult>): Promise<ProbeResult> {
  try {
    return await send()
  } catch (error) {
    if (error instanceof KernelError && error.code === 'EADDRINUSE') return { kind: 'port-taken' }
    throw error
  }
}

function addressOf(ns: Netns, pod: string): Address {
  using socket = openRouteSocket(ns)
  const link = socket.link('eth0')
  const found = link && socket.addresses(link.index).find(({ address }) => !address.includes(':'))
  if (!found) throw new KubehopError('trace', 'send the request', 'NoAddress', `pod ${pod} has no address on eth0`)
  return found.address
}
