import type { Probe } from '../../api/objects/pod.ts'
import { KubehopError, messageOf } from '../../base/errors.ts'
import { httpProbe } from './http.ts'
import { systemReason } from './reason.ts'
import { portOf, type ProbeResult, type ProbeTarget } from './target.ts'

type Handler = Pick<Probe, 'httpGet' | 'tcpSocket' | 'exec' | 'grpc'>

/** One try of a probe, from the node, as kubelet does it. Never rejects: what goes wrong is the result. */
export async function runProbe(probe: Handler, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  try {
    if (probe.httpGet) return await httpProbe(probe.httpGet, target, timeoutMs)
    if (probe.tcpSocket) return await tcp(probe.tcpSocket, target, timeoutMs)
    if (probe.exec) return await exec(probe.exec.command, target, timeoutMs)
    if (probe.grpc) {
      const { grpcHealth } = await import('./grpc.ts')
      return await grpcHealth(target.podIP, probe.grpc.port, probe.grpc.service ?? '', timeoutMs)
    }
    return { outcome: 'unknown', say: 'missing probe handler: one of httpGet, tcpSocket, exec, grpc is needed' }
  } catch (error) {
    const gone = error instanceof KubehopError && error.code === 'Invalid'
    return { outcome: gone ? 'gone' : 'unknown', say: messageOf(error) }
  }
}

async function tcp(
  { host, port }: NonNullable<Probe['tcpSocket']>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  const { connect, isIP } = await import('node:net')
  const to = { host: host || target.podIP, port: portOf(port, target.container) }
  const where = `${isIP(to.host) === 6 ? `[${to.host}]` : to.host}:${to.port}`
  return new Promise((resolve) => {
    const give = (outcome: 'success' | 'failure', say: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ outcome, say })
    }
    const timer = setTimeout(() => give('failure', `dial tcp ${where}: i/o timeout`), timeoutMs)
    const socket = connect(to, () => give('success', 'connected'))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      give('failure', `dial tcp ${where}: connect: ${systemReason(error)}`),
    )
  })
}

async function exec(command: string[], target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  const { code, output } = await target.exec(command, timeoutMs)
  if (code === undefined)
    return { outcome: 'failure', say: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s` }
  const say = output.trim() === '' ? `command exited with ${code}` : output.trim()
  return { outcome: code === 0 ? 'success' : 'failure', say }
}
