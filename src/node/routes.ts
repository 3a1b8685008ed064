import type { IncomingMessage, ServerResponse } from 'node:http'

/** Answers a request, or says with false that it is not for it. */
export type Routes = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean>

export function either(first: Routes, second: Routes): Routes {
  return async (request, response, url) =>
    (await first(request, response, url)) || (await second(request, response, url))
}
