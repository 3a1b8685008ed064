import type { Codec } from './codec.ts'

const NFTA_COUNTER_BYTES = 1
const NFTA_COUNTER_PACKETS = 2

/** Counts what comes by. */
export interface Counter {
  readonly kind: 'counter'
  readonly packets: bigint
  readonly bytes: bigint
}

export const counter: Codec<Counter> = {
  write(writer, { packets, bytes }) {
    writer.be64(NFTA_COUNTER_BYTES, bytes)
    writer.be64(NFTA_COUNTER_PACKETS, packets)
  },
  read(attributes) {
    return {
      kind: 'counter',
      packets: attributes.be64(NFTA_COUNTER_PACKETS) ?? 0n,
      bytes: attributes.be64(NFTA_COUNTER_BYTES) ?? 0n,
    }
  },
}
