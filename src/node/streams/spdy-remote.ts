import { PassThrough, type Duplex } from 'node:stream'
import { serveSpdy, type SpdyConnection } from '../spdy/connection.ts'
import type { SpdyStream } from '../spdy/stream.ts'
import type { Remote, Wanted } from './remote.ts'
import { Sizes } from './sizes.ts'

/** Streams with these headers are a command's, as in kubelet (k8s.io/kubelet/pkg/cri/streaming/remotecommand). Version 4 tells statuses as JSON. */
export const spdyCommandProtocol = 'v4.channel.k8s.io'
const kinds = ['error', 'stdin', 'stdout', 'stderr', 'resize'] as const
type Kind = (typeof kinds)[number]

const patienceMs = 30_000
/** A client closes the connection once it has read everything. */
const goodbyeMs = 5000
const longestSize = 1024

/** The client of an exec or attach over SPDY, once it has opened all streams that it said. Rejects when it does not. */
export function spdyRemote(transport: Duplex, wanted: Wanted): Promise<Remote> {
  const missing = new Set<Kind>(['error'])
  for (const kind of ['stdin', 'stdout', 'stderr'] as const) if (wanted[kind]) missing.add(kind)
  // With a terminal there is no second output, whatever was asked for.
  if (wanted.tty) missing.delete('stderr')
  if (wanted.tty) missing.add('resize')
  const streams = new Map<Kind, SpdyStream>()
  const gone = Promise.withResolvers<void>()
  const { promise, resolve, reject } = Promise.withResolvers<Remote>()
  const connection = serveSpdy(transport, {
    onStream(stream) {
      const kind = kinds.find((one) => one === stream.headers.get('streamtype'))
      if (kind === undefined) throw new TypeError('the stream has no known streamType')
      if (streams.has(kind)) throw new TypeError(`there are two ${kind} streams`)
      streams.set(kind, stream)
      missing.delete(kind)
      if (missing.size > 0) return
      clearTimeout(timer)
      resolve(remoteOf(connection, streams, gone.promise))
    },
    onClose() {
      gone.resolve()
      clearTimeout(timer)
      reject(new Error('the client went away before it had opened its streams'))
    },
  })
  const timer = setTimeout(() => {
    reject(new Error(`the client did not open ${[...missing].join(', ')} within ${patienceMs / 1000} s`))
    connection.destroy()
  }, patienceMs)
  return promise
}

function remoteOf(connection: SpdyConnection, streams: ReadonlyMap<Kind, SpdyStream>, gone: Promise<void>): Remote {
  const sizes = new Sizes()
  let text = ''
  streams.get('resize')?.on('data', (chunk: Buffer) => {
    text += chunk.toString('utf8')
    // One object behind another, with or without a newline between them.
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      sizes.take(text.slice(0, end + 1))
      text = text.slice(end + 1)
    }
    if (text.length > longestSize) connection.destroy()
  })
  // What a client writes on its error stream, or reads into its output, concerns nobody.
  for (const kind of ['error', 'stdout', 'stderr'] as const) streams.get(kind)?.resume()
  return {
    stdin: streams.get('stdin') ?? new PassThrough().end(),
    stdout: streams.get('stdout') ?? nowhere(),
    stderr: streams.get('stderr') ?? nowhere(),
    onResize: (listener) => sizes.tell(listener),
    finish(status) {
      for (const kind of ['stdout', 'stderr', 'resize'] as const) streams.get(kind)?.end()
      const stdin = streams.get('stdin')
      stdin?.end()
      stdin?.resume()
      streams.get('error')?.end(JSON.stringify(status))
      connection.end(goodbyeMs)
    },
    gone,
  }
}

/** For an output that the client did not ask for: it must flow all the same. */
function nowhere(): PassThrough {
  const stream = new PassThrough()
  stream.resume()
  return stream
}
