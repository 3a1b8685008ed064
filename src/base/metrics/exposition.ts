import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { breather } from './breather.ts'
import { escapeHelp, type Family } from './family.ts'

/** Characters of a piece: large enough to be worth a write, small enough that a hundred thousand series never stand in one string. */
const pieceLength = 16 * 1024

/**
 * Families as Prometheus reads them (exposition format 0.0.4), in pieces. Others have their turn of the event loop about every half millisecond, unless a
 * family takes longer to make one line.
 */
export async function* exposition(families: Iterable<Family>): AsyncGenerator<string, void, undefined> {
  const breathe = breather()
  let piece = ''
  for (const family of families) {
    piece += `# HELP ${family.name} ${escapeHelp(family.help)}\n# TYPE ${family.name} ${family.type}\n`
    for await (const lines of family.samples()) {
      piece += lines
      if (piece.length < pieceLength) continue
      yield piece
      piece = ''
      if (breathe.due()) await breathe.pause()
    }
  }
  if (piece !== '') yield piece
}

/**
 * Answers a scrape. Rejects when a family throws: the answer then ends in the middle, and the scraper sees that it failed. A scraper that goes away
 * is no error.
 */
export async function writeExposition(
  families: Iterable<Family>,
  { method }: Pick<IncomingMessage, 'method'>,
  response: ServerResponse,
): Promise<void> {
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end()
    return
  }
  response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  if (method === 'HEAD') {
    response.end()
    return
  }
  await pipeline(Readable.from(exposition(families)), response).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  })
}
