import type { PullStep } from '../image/pull.ts'
import { bytes } from './image-list.ts'

/** What a person is told of a pull. */
export class PullProgress {
  #layers = 0
  #bytes = 0
  readonly #received = new Map<number, number>()
  readonly #ready = new Set<number>()

  /** Of all layers together: `2 of 5 layers, 12.3 MB of 45.6 MB`. */
  get line(): string {
    const received = [...this.#received.values()].reduce((sum, each) => sum + each, 0)
    return `${this.#ready.size} of ${this.#layers} layers, ${bytes(received)} of ${bytes(this.#bytes)}`
  }

  /** Lines for a log: what is news there. */
  take(step: PullStep): string[] {
    switch (step.kind) {
      case 'found':
        this.#layers = step.layers
        this.#bytes = step.bytes
        return [`${step.digest}: ${step.layers} layers, ${bytes(step.bytes)}`]
      case 'retry':
        return [`layer ${step.index + 1} of ${this.#layers}: once more, because ${step.because}`]
      case 'layer': {
        const { index, state, received, size } = step
        if (state === 'there') this.#bytes -= size
        else this.#received.set(index, received)
        if (state !== 'there' && state !== 'done') return []
        this.#ready.add(index)
        return [`layer ${index + 1} of ${this.#layers}: ${state === 'there' ? 'is there' : bytes(size)}`]
      }
    }
  }
}
