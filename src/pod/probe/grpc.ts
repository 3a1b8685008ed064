import { connect, type ClientHttp2Session } from 'node:http2'
import { isIP } from 'node:net'
import { systemReason } from './reason.ts'
import type { ProbeResult } from './target.ts'

// grpc.health.v1.Health/Check: a gRPC message is one flag byte, a 32-bit length, and protobuf. HealthCheckRequest{1: service},
// HealthCheckResponse{1: status}.
const statuses = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN']
const unimplemented = '12'
const codes: Partial<Record<string, string>> = {
  5: 'NotFound',
  7: 'PermissionDenied',
  13: 'Internal',
  14: 'Unavailable',
}
/** More than any answer of the health service. */
const maxAnswer = 4096

/** The gRPC health checking protocol, without TLS, as kubelet's grpc probe speaks it (k8s.io/kubernetes/pkg/probe/grpc). */
export function grpcHealth(host: string, port: number, service: string, timeoutMs: number): Promise<ProbeResult> {
  const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${port}`
  return new Promise((resolve) => {
    const session = connect(`http://${authority}`)
    let connected = false
    const give = (outcome: 'success' | 'failure', say: string): void => {
      clearTimeout(timer)
      resolve({ outcome, say })
      session.destroy()
    }
    const within = `within ${timeoutMs / 1000}s`
    const timer = setTimeout(() => {
      const say = connected
        ? `timeout: health rpc did not complete ${within}`
        : `timeout: failed to connect service "${authority}" ${within}: context deadline exceeded`
      give('failure', say)
    }, timeoutMs)
    session.once('connect', () => (connected = true))
    session.on('error', (error: NodeJS.ErrnoException) =>
      give('failure', `error: failed to connect service at "${authority}": ${systemReason(error)}`),
    )
    void check(session, authority, service).then(
      ({ outcome, say }) => give(outcome, say),
      (error: NodeJS.ErrnoException) => give('failure', `error: health rpc probe failed: ${systemReason(error)}`),
    )
  })
}

interface Verdict {
  outcome: 'success' | 'failure'
  say: string
}

function check(session: ClientHttp2Session, authority: string, service: string): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      ':authority': authority,
      'content-type': 'application/grpc',
      'user-agent': 'kube-probe/1.35',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    const headers: Record<string, unknown> = {}
    let size = 0
    stream.on('response', (more) => Object.assign(headers, more))
    stream.on('trailers', (more) => Object.assign(headers, more))
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > maxAnswer) stream.destroy(new Error(`the answer has more than ${maxAnswer} bytes`))
      chunks.push(chunk)
    })
    stream.once('error', reject)
    stream.once('close', () => resolve(verdict(headers, Buffer.concat(chunks))))
    stream.end(question(service))
  })
}

function verdict(headers: Record<string, unknown>, body: Buffer): Verdict {
  const failure = (say: string): Verdict => ({ outcome: 'failure', say })
  const { ':status': http, 'grpc-status': code, 'grpc-message': said } = headers
  if (http !== 200) return failure(`error: health rpc probe failed: unexpected HTTP status ${Number(http)}`)
  const message = typeof said === 'string' ? decoded(said) : ''
  if (code === unimplemented)
    return failure(`error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${message}`)
  if (code !== '0') {
    const name = codes[String(code)] ?? `Code(${String(code)})`
    return failure(`error: health rpc probe failed: rpc error: code = ${name} desc = ${message}`)
  }
  // Field 1, a varint; the value 0 is left out.
  const answer = body[5] === 0x08 ? (body[6] ?? 0) : 0
  return statuses[answer] === 'SERVING'
    ? { outcome: 'success', say: 'service healthy' }
    : failure(`service unhealthy (responded with "${statuses[answer] ?? answer}")`)
}

/** Percent-encoded, if the server knows how (the gRPC specification). */
function decoded(message: string): string {
  try {
    return decodeURIComponent(message)
  } catch {
    return message
  }
}

function question(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.of(0x0a), varint(name.length), name])
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest & 0x7f) | 0x80)
  return Buffer.of(...bytes, rest)
}
