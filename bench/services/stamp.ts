import type { KubeObject } from '../../src/api/objects/meta.ts'

// What the writer of a change tells its reader, in an annotation of the object. The clock is CLOCK_MONOTONIC, one and the same for all processes.

const annotation = 'bench.kubehop/stamp'

export interface Stamp {
  /** Which change it belongs to. */
  readonly id: number
  /** How many objects belong to that change. */
  readonly parts: number
  readonly kind: string
  /** When it was written, nanoseconds. */
  readonly at: bigint
}

export function stamped<T extends KubeObject>(object: T, { id, parts, kind, at }: Stamp): T {
  const annotations = { ...object.metadata.annotations, [annotation]: `${id} ${parts} ${at} ${kind}` }
  return { ...object, metadata: { ...object.metadata, annotations } }
}

export function stampOf({ metadata }: KubeObject): Stamp | undefined {
  const [id, parts, at, ...kind] = metadata.annotations?.[annotation]?.split(' ') ?? []
  return at === undefined ? undefined : { id: Number(id), parts: Number(parts), at: BigInt(at), kind: kind.join(' ') }
}
