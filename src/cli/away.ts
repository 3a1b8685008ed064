import { ApiError } from '../api/client/client.ts'
import { codeOf, KubehopError, messageOf } from '../base/errors.ts'
import { bounded } from '../trace/render/bounded.ts'
import { UsageError } from './usage.ts'

/** What looking at a strange cluster ended with, in words: its server is away, is none, or answers what no API server does. */
export function sayAway(room: string, server: string, error: unknown): unknown {
  if (error instanceof KubehopError || error instanceof UsageError) return error
  if (error instanceof ApiError) return new ApiError(error.code, error.reason, bounded(error.message), error.details)
  const why = error instanceof DOMException && error.name === 'TimeoutError' ? 'it did not answer' : whyOf(error)
  return new KubehopError(room, 'look at the cluster', 'Unreachable', `${server}: ${why}`, { cause: error })
}

/** Whoever trips over an answer has been told something that is no list of objects. */
function whyOf(error: unknown): string {
  const said = messageOf(error)
  return (error instanceof SyntaxError || error instanceof TypeError) && codeOf(error) === undefined
    ? `what it answers is not the Kubernetes API (${said}): is this the address of an API server?`
    : said
}
