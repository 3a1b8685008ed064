import { connect, constants } from 'node:http2'
import type { ProbeResult } from './run.ts'

// grpc.health.v1.Health/Check: a gRPC message is one flag byte, a 32-bit length, and protobuf. HealthCheckRequest{1: service},
// HealthCheckResponse{1: status}, status 1 = SERVING.
const serving = 1

/** The gRPC health checking protocol, without TLS, as kubelet's grpc probe speaks it. */
export function grpcHealth(host: string, port: number, service: string, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const session = connect(`http://${host.includes(':') ? `[${host}]` : host}:${port}`)
    const give = (ok: boolean, say: string): void => {
      clearTimeout(timer)
      resolve({ ok, say })
      session.destroy()
    }
    const timer = setTimeout(
      () => give(false, `timeout: failed to connect service "${host}:${port}" within ${timeoutMs} ms`),
      timeoutMs,
    )
    session.once('error', (error) => give(false, `rpc error: ${error.message}`))
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    let status = ''
    const note = (headers: Record<string, unknown>): void => {
      const value = headers['grpc-status']
      if (typeof value === 'string') status = value
      if (headers[constants.HTTP2_HEADER_STATUS] !== undefined && headers[constants.HTTP2_HEADER_STATUS] !== 200)
        status = `HTTP ${String(headers[constants.HTTP2_HEADER_STATUS])}`
    }
    stream.on('response', note)
    stream.on('trailers', note)
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.once('error', (error) => give(false, `rpc error: ${error.message}`))
    stream.once('end', () => {
      const body = Buffer.concat(chunks)
      const answer = body[5] === 0x08 ? body[6] : 0
      if (status !== '' && status !== '0') give(false, `service health check failed: grpc-status ${status}`)
      else if (answer === serving) give(true, 'SERVING')
      else give(false, `service unhealthy (responded with status ${answer ?? 0})`)
    })
    const name = Buffer.from(service).subarray(0, 127)
    const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a, name.length), name])
    const head = Buffer.alloc(5)
    head.writeUInt32BE(message.length, 1)
    stream.end(Buffer.concat([head, message]))
  })
}
