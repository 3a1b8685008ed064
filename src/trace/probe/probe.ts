import { KubehopError } from '../../base/errors.ts'
import { type Address, address } from '../../base/address.ts'
import { KernelError } from '../../kernel/libc.ts'
import { openRouteSocket } from '../../kernel/rtnetlink/socket.ts'
import type { Netns } from '../../kernel/netns.ts'
import type { TraceEnvironment } from '../observe/environment.ts'
import type { At } from '../origin.ts'
import { sendRequest } from './request.ts'
import { resolveName } from './resolve.ts'
import { sendRepeated } from './repeat.ts'
import type { Answer, ProbeResult, ProbeSpec, Request } from './spec.ts'

type Taken = Extract<ProbeResult, { kind: 'port-taken' }>

/** Does for real, from inside a pod's namespace or the machine's, what a program there would do. */
export async function probe(spec: ProbeSpec, environment: TraceEnvironment, signal: AbortSignal): Promise<ProbeResult> {
  const ns = netnsAt(spec.at, environment)
  if (spec.kind === 'repeat') {
    // Each time anew: the pod may end in the middle.
    const send = (request: Request): Promise<Answer> =>
      orPortTaken(() => sendRequest(request, netnsAt(spec.at, environment), signal))
    return { kind: 'repeated', results: await sendRepeated(spec, send, signal) }
  }
  if (spec.kind !== 'resolve') return orPortTaken(() => sendRequest(spec, ns, signal))
  const [resolvConf, hosts] = await Promise.all([
    readFileOf(spec.filesOf, 'resolv.conf', environment),
    readFileOf(spec.filesOf, 'hosts', environment),
  ])
  const { port, timeoutMs } = spec
  const asker = { ns, address: addressOf(ns, spec.at), port, resolvConf, hosts, timeoutMs, signal }
  const files = { resolvConf, hosts }
  return orPortTaken(async () => ({ kind: 'resolved', files, ...(await resolveName(spec.name, asker)) }))
}

/** undefined: the namespace that this process is in. */
function netnsAt(at: At, environment: TraceEnvironment): Netns | undefined {
  if (at.kind === 'machine') return environment.ns
  const ns = environment.podNetns(at.name)
  if (!ns) throw notHere(at.name, environment)
  return ns
}

async function readFileOf(
  pod: string | undefined,
  file: 'resolv.conf' | 'hosts',
  environment: TraceEnvironment,
): Promise<string> {
  if (pod === undefined) return environment.machineFile?.(file) ?? ''
  const text = await environment.podFile(pod, file)
  if (text === undefined) throw notHere(pod, environment)
  return text
}

function notHere(pod: string, { node }: TraceEnvironment): KubehopError {
  return new KubehopError('trace', 'send the request', 'NotRunning', `pod ${pod} does not run on ${node}`)
}

async function orPortTaken<T extends ProbeResult>(send: () => Promise<T>): Promise<T | Taken> {
  try {
    return await send()
  } catch (error) {
    if (error instanceof KernelError && error.code === 'EADDRINUSE') return { kind: 'port-taken' }
    throw error
  }
}

/** What questions come from. A machine has several addresses: its kernel chooses by the way that a question takes. */
function addressOf(ns: Netns | undefined, at: At): Address {
  if (at.kind === 'machine') return address('0.0.0.0')
  using socket = openRouteSocket(ns)
  const link = socket.link('eth0')
  const found = link && socket.addresses(link.index).find((one) => !one.address.includes(':'))
  if (!found) throw new KubehopError('trace', 'send the request', 'NoAddress', `pod ${at.name} has no address on eth0`)
  return found.address
}
