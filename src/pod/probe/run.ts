import type { Container, LifecycleHandler, Probe } from '../../api/objects/pod.ts'
import type { IntOrString } from '../../api/objects/meta.ts'
import { messageOf } from '../../base/errors.ts'

export interface ProbeResult {
  ok: boolean
  /** For people, as kubelet words it. */
  say: string
}

export interface ProbeTarget {
  container: Container
  podIP: string
  /** Runs a command in the container; rejects when it cannot be started. */
  exec: (command: string[], timeoutMs: number) => Promise<{ code: number | undefined; output: string }>
}

const maxBody = 10 * 1024

/** One try of a probe or a hook, from the node, as kubelet does it. Never rejects: what goes wrong is the result. */
export async function runProbe(
  probe: Pick<Probe, 'httpGet' | 'tcpSocket' | 'exec' | 'grpc'> | LifecycleHandler,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  try {
    if (probe.httpGet) return await http(probe.httpGet, target, timeoutMs)
    if (probe.tcpSocket) return await tcp(probe.tcpSocket, target, timeoutMs)
    if (probe.exec) return await exec(probe.exec.command, target, timeoutMs)
    if ('grpc' in probe && probe.grpc) {
      const { grpcHealth } = await import('./grpc.ts')
      return await grpcHealth(target.podIP, probe.grpc.port, probe.grpc.service ?? '', timeoutMs)
    }
    return { ok: false, say: 'the probe says nothing to try' }
  } catch (error) {
    return { ok: false, say: messageOf(error) }
  }
}

async function http(get: NonNullable<Probe['httpGet']>, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  const port = portOf(get.port, target.container)
  const host = get.host ?? target.podIP
  const secure = get.scheme === 'HTTPS'
  const authority = `${host.includes(':') ? `[${host}]` : host}:${port}`
  const path = get.path ?? '/'
  const url = `${secure ? 'https' : 'http'}://${authority}${path.startsWith('/') ? path : `/${path}`}`
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.35', accept: '*/*', connection: 'close' }
  for (const { name, value } of get.httpHeaders ?? []) headers[name.toLowerCase()] = value
  const { request } = secure ? await import('node:https') : await import('node:http')
  return new Promise((resolve) => {
    const give = (ok: boolean, say: string): void => {
      clearTimeout(timer)
      resolve({ ok, say })
      sent.destroy()
    }
    const timer = setTimeout(
      () => give(false, `Get "${url}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`),
      timeoutMs,
    )
    // Certificates in a pod are its own business (kubelet does not check them either).
    const sent = request(url, { headers, agent: false, ...(secure && { rejectUnauthorized: false }) }, (response) => {
      const status = response.statusCode ?? 0
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBody) response.destroy()
      })
      response.once('error', () => undefined)
      response.once('close', () =>
        status >= 200 && status < 400
          ? give(true, `HTTP ${status}`)
          : give(false, `HTTP probe failed with statuscode: ${status}`),
      )
    })
    sent.once('error', (error: NodeJS.ErrnoException) =>
      give(false, `Get "${url}": dial tcp ${authority}: connect: ${reason(error)}`),
    )
    sent.end()
  })
}

async function tcp(
  { host, port }: NonNullable<Probe['tcpSocket']>,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<ProbeResult> {
  const { connect } = await import('node:net')
  const to = { host: host ?? target.podIP, port: portOf(port, target.container) }
  return new Promise((resolve) => {
    const give = (ok: boolean, say: string): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ ok, say })
    }
    const timer = setTimeout(() => give(false, `dial tcp ${to.host}:${to.port}: i/o timeout`), timeoutMs)
    const socket = connect(to, () => give(true, 'connected'))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      give(false, `dial tcp ${to.host}:${to.port}: connect: ${reason(error)}`),
    )
  })
}

async function exec(command: string[], target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  const { code, output } = await target.exec(command, timeoutMs)
  if (code === undefined)
    return { ok: false, say: `command timed out: ${JSON.stringify(command)} timed out after ${timeoutMs / 1000}s` }
  return { ok: code === 0, say: output.trim() === '' ? `command exited with ${code}` : output.trim() }
}

/** A name is that of one of the container's ports. */
export function portOf(port: IntOrString, container: Container): number {
  if (typeof port === 'number') return port
  const named = container.ports?.find((one) => one.name === port)?.containerPort
  const number = named ?? Number(port)
  if (Number.isInteger(number) && number > 0 && number < 65536) return number
  throw new TypeError(`the container has no port named ${JSON.stringify(port)}`)
}

function reason({ code, message }: NodeJS.ErrnoException): string {
  const known: Partial<Record<string, string>> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection reset by peer',
    EHOSTUNREACH: 'no route to host',
    ENETUNREACH: 'network is unreachable',
    ETIMEDOUT: 'connection timed out',
  }
  return known[code ?? ''] ?? message
}
