import { ApiError } from '../api/client/client.ts'
import type { Extensions } from '../api/server/handler.ts'
import { explain } from '../doctor/explain.ts'
import { longest, mostFollowed, traceLive } from '../trace/live/live.ts'
import type { LiveEvent } from '../trace/live/types.ts'
import { Capture } from '../trace/pcap/capture.ts'
import { pcapFile } from '../trace/pcap/file.ts'
import type { Trace } from '../trace/types.ts'
import { type Around, optionsOf, readTraceWish, refusal, type TraceWish } from './trace.ts'
import { type PcapBytes, piecesOf } from './trace-pcap.ts'

export const livePath = '/kubehop/trace/live'
export const liveStopPath = '/kubehop/trace/live/stop'

export interface LiveWish extends TraceWish {
  /** How long it is watched. */
  seconds: number
  /** So many of the first connections are told as whole stories. */
  stories?: number | undefined
  /** The packets too, before the summary. */
  pcap?: boolean | undefined
}

/** What is answered line by line. The summary's list of flows is empty there: each has had its line. */
export type LiveLine = LiveEvent | PcapBytes

/** Watches in a lab. A refusal is an ApiError. */
export type LiveTracer = (wish: LiveWish, stop: AbortSignal, gone: AbortSignal) => AsyncGenerator<LiveLine>

export function liveTracerOf(around: () => Around): LiveTracer {
  return async function* (wish, stop, signal) {
    const { seconds, stories, pcap } = wish
    const capture = pcap === true ? new Capture() : undefined
    const told: Trace[] = []
    try {
      const events = traceLive({
        ...around(),
        ...optionsOf(wish),
        seconds,
        ...(stories !== undefined && { stories }),
        ...(capture && { capture }),
        stop,
        signal,
        explain,
      })
      for await (const event of events) {
        if (event.kind === 'flow' && event.flow.story) told.push(event.flow.story)
        if (event.kind === 'summary' && capture) {
          const { from, to, live } = event.trace
          yield* piecesOf(pcapFile(capture, told, `${from} -> ${to}, watched for ${live.seconds} s`))
        }
        yield event.kind === 'summary'
          ? { kind: 'summary', trace: { ...event.trace, live: { ...event.trace.live, flows: [] } } }
          : event
      }
    } catch (error) {
      throw refusal(error)
    }
  }
}

/**
 * Answers `POST /kubehop/trace/live` with one LiveEvent a line, until the time is over, the connection breaks, or `POST /kubehop/trace/live/stop` with the
 * `id` of the first line asks for the summary.
 */
export function liveExtensions(tracer: LiveTracer): Extensions {
  const running = new Map<string, AbortController>()
  async function* live(body: unknown, gone: AbortSignal): AsyncGenerator<LiveLine> {
    const stop = new AbortController()
    let id: string | undefined
    try {
      for await (const event of tracer(readLiveWish(body), stop.signal, gone)) {
        if (event.kind === 'watching') {
          id = event.id
          running.set(id, stop)
        }
        yield event
      }
    } finally {
      if (id !== undefined) running.delete(id)
    }
  }
  return {
    [livePath]: async (body, gone) => live(body, gone),
    async [liveStopPath](body) {
      const { id } = (typeof body === 'object' && body !== null ? body : {}) as { id?: unknown }
      const stop = typeof id === 'string' ? running.get(id) : undefined
      if (!stop) throw new ApiError(404, 'NotFound', 'no watch with this id runs: it has ended already')
      stop.abort()
      return {}
    },
  }
}

function readLiveWish(body: unknown): LiveWish {
  const wish = readTraceWish(body)
  const { seconds, stories, pcap } = body as Record<string, unknown>
  const timed = typeof seconds === 'number' && seconds > 0 && seconds <= longest
  const told = stories === undefined || (typeof stories === 'number' && Number.isInteger(stories) && stories >= 0)
  if (!timed || !told || (pcap !== undefined && typeof pcap !== 'boolean'))
    throw new ApiError(
      400,
      'BadRequest',
      `a live trace is { from, to, seconds } with seconds above 0 and up to ${longest} and, if wished, a namespace, timeoutMs, stories (up to ${mostFollowed}), and pcap (true or false)`,
    )
  return {
    ...wish,
    seconds,
    ...(stories !== undefined && { stories: Math.min(stories, mostFollowed) }),
    ...(pcap === true && { pcap }),
  }
}
