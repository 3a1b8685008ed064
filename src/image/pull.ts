import { KubehopError } from '../base/errors.ts'
import type { Digest } from './digest.ts'
import type { Limits } from './limits.ts'
import type { ImageName } from './reference.ts'
import type { Keyring } from './registry/keyring.ts'
import type { PullLimits } from './registry/limits.ts'

export interface PullOptions {
  /** Tried one after another where they fit the registry; without any that fits, the registry is asked as anybody. */
  credentials?: readonly Keyring[]
  /** Registries (`registry.example:5000`) whose certificate is not checked, and which may be asked over plain HTTP; true: the one of this image. */
  insecure?: boolean | readonly string[]
  /** PEM certificates of authorities that are trusted besides those of Node and of the system. */
  authorities?: readonly string[]
  limits?: Partial<Limits & PullLimits>
  signal?: AbortSignal
  onProgress?: (step: PullStep) => void
}

/** What happens, in order; layers go on at the same time. */
export type PullStep =
  /** The name led to an image; `bytes` are those of all its layers as they are sent. */
  | { kind: 'found'; digest: Digest; layers: number; bytes: number }
  /** `received` of `size` bytes. A layer that is there already, or that others bring, is not downloaded. */
  | {
      kind: 'layer'
      index: number
      state: 'there' | 'downloading' | 'unpacking' | 'done'
      received: number
      size: number
    }
  /** A connection broke, or was too slow; the same bytes are not asked for again. */
  | { kind: 'retry'; index: number; because: string }

export async function pullImage(_name: ImageName, _options: PullOptions): Promise<never> {
  throw new KubehopError('image', 'pull', 'NotYet', 'images cannot be pulled yet')
}
