import { connect, constants } from 'node:http2'
import { connect as connectTo } from 'node:net'
import { decode, encode, type Message } from './protobuf.ts'

// The Container Runtime Interface (k8s.io/cri-api, runtime.v1), by which kubelet has pods' sandboxes made. The fields are those of api.proto.

const path = '/run/containerd/containerd.sock'
const patienceMs = 30_000

export interface PortMapping {
  containerPort: number
  hostPort: number
}

/** Makes the sandbox of a pod: its id. */
export async function runSandbox(
  name: string,
  portMappings: readonly PortMapping[] = [],
  annotations: Readonly<Record<string, string>> = {},
): Promise<string> {
  const metadata = encode([
    [1, name],
    [2, `uid-${name}`],
    [3, 'default'],
  ])
  const config = encode([
    [1, metadata],
    [2, name],
    ...portMappings.map(
      ({ containerPort, hostPort }) =>
        [
          5,
          encode([
            [2, containerPort],
            [3, hostPort],
          ]),
        ] as const,
    ),
    ...Object.entries(annotations).map((pair) => [7, encode(pair.map((text, at) => [at + 1, text]))] as const),
    [8, encode([])],
  ])
  const answer = await call('RunPodSandbox', [[1, config]])
  return textOf(answer.get(1)?.[0])
}

/** The sandbox's address; empty when it is not there. */
export async function addressOf(id: string): Promise<string> {
  const status = (await call('PodSandboxStatus', [[1, id]])).get(1)?.[0]
  const network = nested(status).get(5)?.[0]
  return textOf(nested(network).get(1)?.[0])
}

export async function stopSandbox(id: string): Promise<void> {
  await call('StopPodSandbox', [[1, id]])
}

export async function removeSandbox(id: string): Promise<void> {
  await call('RemovePodSandbox', [[1, id]])
}

/** All that are there, running or not. */
export async function sandboxes(): Promise<string[]> {
  return ((await call('ListPodSandbox', [])).get(1) ?? []).map((item) => textOf(nested(item).get(1)?.[0]))
}

/** Empty when the network is ready; or why it is not. */
export async function networkTrouble(): Promise<string> {
  const status = (await call('Status', [])).get(1)?.[0]
  const conditions = (nested(status).get(1) ?? []).map(nested)
  const network = conditions.find((condition) => textOf(condition.get(1)?.[0]) === 'NetworkReady')
  return network?.get(2)?.[0] === 1 ? '' : textOf(network?.get(4)?.[0])
}

/** containerd answers before this part of it has read what it had before: no event tells when it has, so each answer is asked anew. */
export async function criReady(): Promise<void> {
  for (;;)
    try {
      await call('Status', [])
      return
    } catch (error) {
      if (!(error as Error).message.includes('not initialized')) throw error
    }
}

/** One call over gRPC: a flag byte, a length of 32 bits, and protobuf, each way. */
async function call(method: string, message: Message): Promise<ReturnType<typeof decode>> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  // When containerd ends, each of the two says so, even after the answer.
  const socket = connectTo(path).on('error', reject)
  const session = connect('http://localhost', { createConnection: () => socket }).on('error', reject)
  const stream = session.request({
    ':method': 'POST',
    ':path': `/runtime.v1.RuntimeService/${method}`,
    'content-type': 'application/grpc',
    te: 'trailers',
  })
  stream.setTimeout(patienceMs, () => stream.close(constants.NGHTTP2_CANCEL))
  const chunks: Buffer[] = []
  let refusal = 'no answer'
  const note = (headers: Record<string, unknown>): void => {
    const status = headers['grpc-status']
    if (status !== undefined) refusal = status === '0' ? '' : decodeURIComponent(String(headers['grpc-message']))
  }
  stream.on('response', note).on('trailers', note)
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  stream.on('error', reject)
  stream.on('close', () => {
    if (refusal === '') resolve(Buffer.concat(chunks).subarray(5))
    else reject(new Error(`${method}: ${refusal}`))
  })
  const body = encode(message)
  const head = Buffer.alloc(5)
  head.writeUInt32BE(body.length, 1)
  stream.end(Buffer.concat([head, body]))
  try {
    return decode(await promise)
  } finally {
    session.destroy()
  }
}

const nested = (value: Buffer | number | undefined): ReturnType<typeof decode> =>
  decode(Buffer.isBuffer(value) ? value : Buffer.alloc(0))

const textOf = (value: Buffer | number | undefined): string => (Buffer.isBuffer(value) ? value.toString() : '')
