import { refuse } from './refuse.ts'

/** What one archive may take. Large images of the world are far below; what is above has another purpose. */
export interface Limits {
  /** Files, directories and links of all layers together. */
  entries: number
  /** Bytes of all unpacked layers together. */
  bytes: number
  layers: number
  /** Unpacked bytes for each packed one, looked at from `ratioFrom` unpacked bytes on: a run of zeros is packed well, and harmless while small. */
  ratio: number
  ratioFrom: number
}

export const usualLimits: Limits = {
  entries: 500_000,
  bytes: 16 * 2 ** 30,
  // What Docker allows.
  layers: 127,
  ratio: 200,
  ratioFrom: 64 * 2 ** 20,
}

/** Configurations and manifests: Docker and containerd stop at these sizes, too. */
export const maxJson: number = 8 * 2 ** 20

/** Counts what an image takes, and stops it. */
export class Budget {
  readonly limits: Limits
  #entries = 0
  #bytes = 0

  constructor(limits: Limits) {
    this.limits = limits
  }

  entry(): void {
    if (++this.#entries > this.limits.entries)
      throw refuse('TooLarge', `the image has more than ${this.limits.entries} files; no more are unpacked`)
  }

  /** Before they are written: what an entry says of itself. */
  bytes(count: number, name: string): void {
    this.#bytes += count
    if (this.#bytes > this.limits.bytes)
      throw refuse('TooLarge', `${name} takes the image beyond ${this.limits.bytes} bytes; no more are unpacked`)
  }
}
