import type { IncomingMessage } from 'node:http'
import { ApiError } from '../client/client.ts'
import { badRequest } from '../errors.ts'
import { depthLimit, tooDeep } from '../json.ts'

/** As etcd and kube-apiserver have it. */
export const bodyLimit: number = 3 * 1024 * 1024

/** The parsed body of a request: JSON, YAML or protobuf; undefined when there is none. */
export async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const type = (request.headers['content-type'] ?? 'application/json').split(';')[0]?.trim().toLowerCase() ?? ''
  if (/protobuf/.test(type)) return await fromProtobuf(await bytesOf(request))
  const text = (await bytesOf(request)).toString('utf8')
  if (text.trim() === '') return undefined
  const parsed = /yaml/.test(type) && !text.trimStart().startsWith('{') ? await fromYaml(text) : fromJson(text)
  if (tooDeep(parsed)) throw badRequest(`the body is nested more than ${depthLimit} levels deep`)
  return parsed
}

export function unsupported(message: string): ApiError {
  return new ApiError(415, 'UnsupportedMediaType', message)
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = (): ApiError =>
    new ApiError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${bodyLimit}`)
  if (Number(request.headers['content-length'] ?? 0) > bodyLimit) throw tooLarge()
  const chunks: Buffer[] = []
  let bytes = 0
  // Leaving the loop early must not destroy the request, or its refusal could not be sent.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > bodyLimit) throw tooLarge()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badRequest(`the object provided is unrecognized: ${(error as Error).message}`)
  }
}

async function fromYaml(text: string): Promise<unknown> {
  // Rare: kubectl sends JSON but for server-side apply.
  const { parseYamlValue } = await import('../yaml.ts')
  try {
    return parseYamlValue(text)
  } catch (error) {
    throw badRequest(`the object provided is no valid YAML: ${(error as Error).message}`)
  }
}

/** Rare: the kubectl commands that use Kubernetes' Go types, such as create, drain and auth can-i. */
async function fromProtobuf(bytes: Buffer): Promise<unknown> {
  if (bytes.length === 0) return undefined
  const { decodeProtobuf } = await import('../schema/protobuf.ts')
  return decodeProtobuf(bytes)
}
