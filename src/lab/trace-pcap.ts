import type { Extensions } from '../api/server/handler.ts'
import { explain } from '../doctor/explain.ts'
import { traceRequest } from '../trace/coordinate.ts'
import { Capture } from '../trace/pcap/capture.ts'
import { pcapFile } from '../trace/pcap/file.ts'
import type { Trace } from '../trace/types.ts'
import { type Around, optionsOf, readTraceWish, refusal } from './trace.ts'
import type { TraceStops } from './trace-stop.ts'

export const pcapPath = '/kubehop/trace/pcap'

/** A piece of a pcapng file, in base64; then the trace. */
export type PcapEvent = PcapBytes | { readonly kind: 'trace'; readonly trace: Trace }
export interface PcapBytes {
  readonly kind: 'pcap'
  readonly bytes: string
}

/** Answers `POST /kubehop/trace/pcap`: what `/kubehop/trace` does, and first the file, piece by piece. */
export function pcapExtensions(around: () => Around, stops: TraceStops): Extensions {
  async function* answer(body: unknown, signal: AbortSignal): AsyncGenerator<PcapEvent> {
    const capture = new Capture()
    try {
      const wish = readTraceWish(body)
      const trace = await stops.during(wish.id, (stop) =>
        traceRequest({ ...around(), ...optionsOf(wish), capture, signal, stop, explain }),
      )
      yield* piecesOf(pcapFile(capture, [trace], `${trace.from} -> ${trace.to}: ${trace.verdict}`))
      yield { kind: 'trace', trace }
    } catch (error) {
      throw refusal(error)
    }
  }
  return { [pcapPath]: async (body, gone) => answer(body, gone) }
}

const piece = 256 * 1024

/** Blocks are small; lines need not be. */
export function* piecesOf(blocks: Iterable<Uint8Array>): Generator<PcapBytes> {
  let waiting: Uint8Array[] = []
  let size = 0
  for (const block of blocks) {
    waiting.push(block)
    size += block.length
    if (size < piece) continue
    yield { kind: 'pcap', bytes: Buffer.concat(waiting).toString('base64') }
    waiting = []
    size = 0
  }
  if (size > 0) yield { kind: 'pcap', bytes: Buffer.concat(waiting).toString('base64') }
}
