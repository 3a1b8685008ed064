import { createHash } from 'node:crypto'

/** `sha256:` and 64 hexadecimal digits. */
export type Digest = `sha256:${string}`

export const isDigest = (text: unknown): text is Digest =>
  typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text)

export const digestOf = (bytes: Uint8Array | string): Digest =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

export const hexOf = (digest: Digest): string => digest.slice('sha256:'.length)

/** A layer with all below it, as the OCI image specification names it ("Layer ChainID"). */
export function chainOf(below: Digest | undefined, layer: Digest): Digest {
  return below === undefined ? layer : digestOf(`${below} ${layer}`)
}

/** Passes a stream on and sees its digest; `digest()` is for when it has ended. */
export function hashing(source: AsyncIterable<Buffer>): {
  stream: AsyncGenerator<Buffer>
  digest(): Digest
  bytes(): number
} {
  const hash = createHash('sha256')
  let count = 0
  const stream = async function* (): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      hash.update(chunk)
      count += chunk.length
      yield chunk
    }
  }
  return { stream: stream(), digest: () => `sha256:${hash.digest('hex')}`, bytes: () => count }
}
